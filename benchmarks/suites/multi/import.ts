/** What loading the package costs a program, built as it is published, beside loading libp2p: each time in a process of its own. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { alternate, beside, type Measured } from '../../harness.ts'
import { withBuilt } from '../../multi/built.ts'

const REPEATS = 21

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  progress('building …')
  const values = await withBuilt(async folder => {
    progress(`${REPEATS} processes each …`)
    return await alternate(
      async () => await importing('@peerweave/multi', folder), async () => await importing('libp2p', fileURLToPath(new URL('../../../', import.meta.url))), REPEATS
    )
  })
  yield beside('import(\'@peerweave/multi\')', 'ms', 'import(\'libp2p\')', values)
}

async function importing (name: string, cwd: string): Promise<number> {
  const program = `const begun = performance.now(); const all = await import('${name}'); console.log(performance.now() - begun, Object.keys(all).length)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd })
  const [ms, exported] = stdout.split(' ').map(Number)
  if (!(Number(exported) > 0)) throw new Error(`${name} exports nothing: ${stdout}`)
  return ms as number
}
