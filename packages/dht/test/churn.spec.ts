/**
 * A provider record while every node but the provider is replaced, with an interval of 30 s and ten replaced a minute. The
 * provider's time is the test's, so that a slow machine changes nothing; it is a client, so that it holds no record that
 * others could ask it for.
 */
import { virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { providerKey } from '../src/index.ts'
import { all, bytes, makeNode, within, type TestNode } from './support/net.ts'

const INTERVAL = 30_000
const BETWEEN_REPLACEMENTS = 6_000
const SERVERS = 8

/** Whether the newest node found the provider, after each replacement. */
async function churn (provideInterval: number): Promise<boolean[]> {
  const key = await providerKey(bytes('churned'))
  const servers: TestNode[] = [await makeNode({ announce: false, interval: 600_000 })]
  const join = async (): Promise<TestNode> => {
    const known = servers.slice(-3).map(({ address }) => address)
    const node = await makeNode({ announce: false, interval: 600_000, bootstrapNodes: known })
    servers.push(node)
    return node
  }
  while (servers.length < SERVERS) await join()
  await until(() => servers.every(({ dht }) => dht.metrics().tableSize >= 4), 'tables', 20_000)

  const clock = virtualClock()
  const provider = await makeNode({
    mode: 'client', announce: false, clock, provideInterval, bootstrapNodes: servers.slice(0, 3).map(({ address }) => address)
  })
  await until(async () => {
    await clock.advance(100)
    return provider.dht.metrics().tableSize >= 4
  }, 'the provider’s table', 10_000)
  await provider.node.contentRouting.provide(key, within(10_000))

  const found: boolean[] = []
  for (let i = 0; i < SERVERS; i++) {
    await servers.shift()?.stop()
    const newest = await join()
    await until(() => newest.dht.metrics().tableSize >= 3, 'the newcomer’s table', 10_000)
    await clock.advance(BETWEEN_REPLACEMENTS)
    const finds = async (): Promise<boolean> => {
      const providers = await all(newest.node.contentRouting.findProviders(key, within(3_000)))
      return providers.some(({ id }) => id.equals(provider.node.peerId))
    }
    // An announcement that is due takes a moment.
    found.push(await until(finds, 'the provider', 1_500).then(() => true, () => false))
  }
  return found
}

// A quarter of a minute of real nodes.
describe.runIf(process.env.PEERWEAVE_TIER != null)('while all nodes but the provider are replaced', () => {
  it('what is provided again and again stays findable', async () => {
    expect(await churn(INTERVAL)).toEqual(Array(SERVERS).fill(true))
  }, 60_000)

  it('what is provided once is lost', async () => {
    const found = await churn(3_600_000)
    expect(found[0]).toBe(true)
    expect(found.at(-1)).toBe(false)
  }, 60_000)
})
