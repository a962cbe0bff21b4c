/** Many real nodes, each knowing one other: every one is found. Sixteen, and fifty in the tiers `ci` and `long`: 30 s of CPU. */
import { names } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { all, bytes, collect, makeNode, within, type TestNode } from './support/net.ts'

const COUNT = process.env.PEERWEAVE_TIER == null ? 16 : 50

describe(`${COUNT} nodes`, () => {
  it('announce themselves to as many as wanted, and are found by namespace and by id', async () => {
    const nodes: TestNode[] = []
    while (nodes.length < COUNT) {
      const known = nodes.at(Math.floor(nodes.length / 2))
      nodes.push(await makeNode({ preset: 'small', k: 8, bootstrapNodes: known == null ? [] : [known.address] }))
    }
    await until(() => nodes.every(({ dht }) => dht.metrics().tableSize >= 5), 'tables', 60_000)
    await until(() => nodes.every(({ dht }) => (dht.metrics().lastConfirmations ?? 0) >= 3 && dht.metrics().wanting === 0), 'announced', 60_000)

    const ids = new Set(nodes.map(({ node }) => node.peerId.toString()))
    const asker = nodes[11]!
    const found = new Set<string>()
    for (let round = 0; round < 20 && found.size < COUNT - 1; round++) {
      const claims = await collect(asker.dht.discoverPeers({ limit: 50 }))
      const before = found.size
      for (const { peerId } of claims) found.add(peerId.toString())
      if (before === 0) expect(found.size).toBeGreaterThan(COUNT / 2)
    }
    for (const id of found) expect(ids.has(id)).toBe(true)
    expect(found.size).toBe(COUNT - 1)

    // kad-dht stops at k providers: what each answer holds is read to its end.
    const providers = await all(asker.dht.dht.findProviders(bytes(names().namespaces.peers), within(8_000)))
    expect(providers.length).toBeGreaterThan(8)
    for (const far of [nodes[0]!, nodes[3]!, nodes.at(-1)!]) {
      const info = await asker.node.peerRouting.findPeer(far.node.peerId, within(5_000))
      expect(info.multiaddrs.map(String)).toContain(far.address.toString().replace(/\/p2p\/.*/, ''))
    }
  }, 150_000)
})
