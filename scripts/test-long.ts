/** `npm run test:long`: every test with its full counts. Keeps the result in docs/report.md. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The part of vitest's JSON report that we read. Times are ms. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  testResults: Array<{ name: string, status: string, startTime: number, endTime: number, assertionResults: Array<{ status: string, title: string }> }>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'peerweave-'))
const output = join(folder, 'report.json')
const started = performance.now()

const child = spawn('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`, ...process.argv.slice(2)], {
  cwd: root, stdio: 'inherit', env: { ...process.env, PEERWEAVE_TIER: 'long' }, shell: process.platform === 'win32'
})
child.on('close', code => {
  try {
    const report = JSON.parse(readFileSync(output, 'utf8')) as Report
    writeFileSync(join(root, 'docs', 'report.md'), write(report, (performance.now() - started) / 1_000))
    console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.exit(code ?? 1)
})

function write ({ numPassedTests, numFailedTests, numPendingTests, testResults }: Report, seconds: number): string {
  const rows = testResults.map(({ name, assertionResults, startTime, endTime }) => {
    const count = (status: string): number => assertionResults.filter(result => result.status === status).length
    const skipped = assertionResults.length - count('passed') - count('failed')
    return `| ${relative(root, name)} | ${count('passed')} | ${count('failed')} | ${skipped} | ${((endTime - startTime) / 1_000).toFixed(1)} |`
  }).sort()
  return `# The long tests, last run

\`npm run test:long\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} cores:
**${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped** in ${seconds.toFixed(0)} s.

| file | passed | failed | skipped | s |
|---|---|---|---|---|
${rows.join('\n')}
`
}
