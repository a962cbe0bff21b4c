/** The demo end to end: real nodes, real sockets on loopback, a process that is really killed. */
import { describe, expect, it } from 'vitest'
import { run, type Finished } from './command.ts'

/** What the demo promises (ms): its TTL is 4 s. */
const TTL = 4_000
const GOODBYE = 1_500

interface Line {
  type: string
  at: number
  peer: string
  action?: string
  foundBy?: string[]
  [key: string]: unknown
}

function parse ({ stdout }: Finished): { lines: Line[], summary: Line } {
  const lines = stdout.trimEnd().split('\n').map(line => JSON.parse(line) as Line)
  return { lines, summary: lines.at(-1) as Line }
}

describe('peerweave demo --json', () => {
  // One run tells all of it; the promises are read off its lines.
  const finished = run('demo', '--for', '15', '--json', '--seed', '7').finished

  it('finds every node it started, by both mechanisms, each once', async () => {
    const result = await finished
    expect(result.code, result.stderr).toBe(0)
    const { lines, summary } = parse(result)
    expect(summary).toMatchObject({ type: 'summary', started: 8, peers: 8 })
    expect(summary['bySource']).toEqual({ bootstrap: expect.any(Number), mdns: expect.any(Number) })
    for (const count of Object.values(summary['bySource'] as object)) expect(count).toBeGreaterThan(0)
    expect(summary['duplicatesMerged']).toBeGreaterThan(0)
    expect(summary['expired']).toBeGreaterThanOrEqual(1)
    expect(summary['live']).toBe(8 - (summary['expired'] as number))
    const found = lines.filter(({ type }) => type === 'peer:discovery').map(({ peer }) => peer)
    expect(found.length).toBe(new Set(found).size)
    const started = lines.filter(({ type, action }) => type === 'node' && action === 'join').map(({ peer }) => peer)
    expect(new Set(found)).toEqual(new Set(started))
  }, 60_000)

  it('a crashed node expires within its TTL and a second', async () => {
    const { lines } = parse(await finished)
    const crash = lines.find(({ action }) => action === 'crash') as Line
    const expired = lines.find(({ type, peer }) => type === 'peer:expire' && peer === crash.peer)
    expect(expired, `${crash.peer} never expired`).toBeDefined()
    expect((expired as Line).at - crash.at).toBeLessThanOrEqual((TTL + 1_000) / 1_000)
  })

  it('the mDNS evidence of a node that left is gone within 1.5 s, the node within its TTL and a second', async () => {
    const { lines } = parse(await finished)
    const left = lines.find(({ action }) => action === 'leave') as Line
    const after = lines.filter(({ type, peer, at }) => type.startsWith('peer:') && peer === left.peer && at >= left.at)
    // With no mDNS evidence to begin with, the promise would be kept by nobody.
    const before = lines.findLast(({ type, peer, at }) => type.startsWith('peer:') && peer === left.peer && at < left.at)
    expect(before?.foundBy).toContain('mdns')
    const without = after.find(({ type, foundBy }) => type === 'peer:expire' || foundBy?.includes('mdns') === false)
    expect(((without?.at ?? Infinity) - left.at) * 1_000).toBeLessThanOrEqual(GOODBYE)
    const expired = after.find(({ type }) => type === 'peer:expire')
    expect(((expired?.at ?? Infinity) - left.at) * 1_000).toBeLessThanOrEqual(TTL + 1_000)
  })

  it('says nothing on stdout but JSON, and its progress on stderr', async () => {
    const result = await finished
    expect(() => parse(result)).not.toThrow()
    expect(result.stderr).toContain('starting nodes')
  })
})

it.each(['SIGINT', 'SIGTERM'] as const)('%s ends it cleanly within 2 s, with a summary and without leaving a process behind', async signal => {
  const running = run('demo', '--json', '--nodes', '3')
  await running.said(/"type":"start"/)
  running.kill(signal)
  const result = await running.finished
  expect(result.code, result.stderr).toBe(0)
  expect(result.took).toBeLessThan(2_000)
  expect(parse(result).summary.type).toBe('summary')
}, 30_000)

it.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('%s before it has shown anything ends it with %i and an empty stdout', async (signal, code) => {
  const running = run('demo', '--json', '--nodes', '50')
  await running.said(/starting nodes/, 'stderr')
  running.kill(signal)
  const result = await running.finished
  expect(result.code, result.stderr).toBe(code)
  expect(result.took).toBeLessThan(2_000)
  expect(result.stdout).toBe('')
}, 30_000)

it('in three seconds with one node nothing happens that could not be seen to its end', async () => {
  const { stdout, code } = await run('demo', '--for', '3', '--nodes', '1', '--seed', '7').finished
  expect(code).toBe(0)
  expect(stdout).toMatch(/looks for 1 node by /)
  expect(stdout).not.toContain('crashes')
  expect(stdout).toMatch(/1 started, 1 seen, 1 live, 0 expired;/)
}, 30_000)

it('in a pipe it writes plain lines without control characters', async () => {
  const { stdout, code } = await run('demo', '--for', '3', '--nodes', '3').finished
  expect(code).toBe(0)
  expect(stdout).toMatch(/found +….{8} by /)
  expect(stdout).toMatch(/^[\P{C}\n]*$/u)
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/\d+ started, \d+ seen/)
}, 30_000)

it('a reader that goes away ends it without an error', async () => {
  const running = run('demo', '--nodes', '2')
  await running.said(/joins/)
  running.child.stdout?.destroy()
  const result = await running.finished
  expect(result.code).toBe(0)
  expect(result.stderr).not.toContain('Error')
}, 30_000)
