/**
 * Both ways with the unchanged `@libp2p/mdns`. That one sends on every interface, so it runs in a network namespace
 * that has only the loopback one; without the right to make one this is skipped, and fails where REQUIRE_REALNET=1.
 */
import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const namespace = `pwmdns${process.pid}`
const script = fileURLToPath(new URL('interop-main.ts', import.meta.url))

function whyNot (): string | undefined {
  try {
    execFileSync('ip', ['netns', 'add', namespace], { stdio: 'pipe' })
    execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `no network namespace: ${String(error).split('\n')[0]}`
  }
}

const reason = whyNot()
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)

afterAll(() => {
  if (reason === undefined) execFileSync('ip', ['netns', 'del', namespace])
})

if (reason !== undefined) console.warn(`skipped, with @libp2p/mdns: ${reason}`)

describe.skipIf(reason !== undefined)('with @libp2p/mdns in a network namespace', () => {
  let seen: Record<string, unknown>

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', namespace, process.execPath, script], { timeout: 30_000 })
    seen = JSON.parse(stdout) as Record<string, unknown>
  })

  it('is found by it with every address, however many packets they take', () => {
    expect(seen['theyFoundUs']).toEqual(seen['ourAddresses'])
  })

  it('finds it, with its addresses and its TTL', () => {
    expect(seen['weFoundThem']).toEqual(seen['theirAddresses'])
    // The record says 120 whole seconds; a claim says what is left of them, so a millisecond may have gone by.
    expect(Math.ceil((seen['theirTtl'] as number) / 1_000)).toBe(120)
  })

  it('is not taken for a peer by it when we say goodbye', () => {
    expect(seen['foundByGoodbye']).toBe(0)
  })

  it('drops nothing of what it says', () => {
    expect(seen['dropped']).toEqual({})
  })
})
