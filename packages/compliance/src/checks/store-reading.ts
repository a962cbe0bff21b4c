/** Clauses on what is asked of a store. */
import { multiaddr } from '@multiformats/multiaddr'
import { compareBytes, distance, hashOf } from '../store-distance.ts'
import { address, claim, peer, peers, source } from '../store-evidence.ts'
import { textOf } from '../store-plain.ts'
import type { PeerId } from '@libp2p/interface'
import type { PeerQuery } from '@peerweave/interface'
import type { StoreTrial } from '../store-trial.ts'

export async function closestExact (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const all = await peers(60)
  for (const [i, id] of all.entries()) await store.addPeer(claim(id, { ttl: i < 10 ? 1_000 : 9_000 }))
  const [removed, withdrawn] = all.slice(10)
  const check = async (there: readonly PeerId[], when: string): Promise<void> => {
    for (const text of ['some key', 'another', '']) {
      const key = new TextEncoder().encode(text)
      const target = await hashOf(key)
      const distances = await Promise.all(there.map(async id => ({ id, to: distance(await hashOf(id.toMultihash().bytes), target) })))
      const nearest = distances.sort((a, b) => compareBytes(a.to, b.to)).map(({ id }) => id.toString())
      for (const count of [0, 1, 7, there.length, there.length + 10]) {
        const given = (await store.getClosestPeers(key, count)).map(({ peerId }) => peerId.toString())
        trial.equal(given, nearest.slice(0, count), `the ${count} closest to "${text}" ${when}`)
      }
    }
  }
  await check(all, `of ${all.length}`)
  if (removed == null || withdrawn == null) return
  await store.removePeer(removed)
  await store.withdraw(withdrawn, source('mdns'), 1)
  await trial.clock.advance(1_500)
  await check(all.slice(12), 'once some were removed, withdrawn or had run out')
}

export async function queries (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const [a, b, c] = await peers(3) as [PeerId, PeerId, PeerId]
  await store.addPeer(claim(a, { from: source('mdns'), protocols: ['/x', '/y'], metadata: new Map([['k', 'v']]) }))
  await store.addPeer(claim(a, { from: source('gossip') }))
  await store.addPeer(claim(b, { from: source('dht'), protocols: ['/x'] }))
  await store.addPeer(claim(c, { from: source('dht') }))
  await trial.clock.advance(10)
  await store.updatePeerSeen(b)
  store.setConnection(c, 'connected')
  store.setReputation(a, { mean: 0.6, lower: 0.2, n: 9 })
  store.setReputation(b, { mean: 0.9, lower: 0.7, n: 9 })
  const names = new Map([[a.toString(), 'a'], [b.toString(), 'b'], [c.toString(), 'c']])
  const cases: Array<[PeerQuery, string]> = [
    [{}, 'cab'], [{ limit: Infinity }, 'cab'], [{ limit: 2 }, 'ca'], [{ limit: 0 }, ''],
    [{ order: 'reputation' }, 'bac'], [{ order: 'lastSeen' }, 'cba'], [{ order: 'reputation', limit: 1 }, 'b'],
    [{ protocols: ['/x'] }, 'ab'], [{ protocols: ['/x', '/y'] }, 'a'], [{ source: 'dht' }, 'cb'], [{ source: 'none' }, ''],
    [{ minConfidence: 1 }, 'c'], [{ connected: true }, 'c'], [{ connected: false }, 'ab'], [{ certified: true }, ''],
    [{ metadata: new Map([['k', 'v']]) }, 'a'], [{ metadata: new Map([['k', 'w']]) }, ''], [{ connected: false, source: 'dht' }, 'b']
  ]
  for (const [query, expected] of cases) {
    const given = (await trial.listed(store, query)).map(({ peerId }) => names.get(peerId.toString())).join('')
    trial.equal(given, expected, `peers for ${JSON.stringify({ ...query, ...query.metadata != null && { metadata: [...query.metadata] } })}`)
  }
  const ties = await trial.store()
  const many = await peers(20)
  await ties.addPeers(many.map(id => claim(id)))
  const sorted = many.map(String).sort()
  trial.equal((await trial.listed(ties)).map(({ peerId }) => peerId.toString()), sorted, 'peers that are alike, by id')
}

export async function snapshotsImmutable (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { addresses: [address(1), address(2)], protocols: ['/p'], metadata: new Map([['k', 'v']]) }))
  const snapshot = store.peek(id)
  const before = textOf(snapshot)
  scribble(snapshot)
  scribble(snapshot?.reputation)
  for (const list of [snapshot?.addresses, snapshot?.protocols, snapshot?.sources, snapshot?.services]) {
    for (const one of list ?? []) scribble(one)
    scribble(list)
  }
  trial.equal(textOf(store.peek(id)), before, 'the view after a reader wrote into its snapshot')
  await store.recordOutcome(id, multiaddr(address(1)), 'failure')
  await store.addPeer(claim(id, { from: source('dns'), protocols: ['/q'], metadata: new Map([['k', 'w']]) }))
  store.setIdentity(id, { protocols: ['/r'], agentVersion: 'agent' })
  store.setConnection(id, 'connected')
  await store.withdraw(id, source('mdns'), 1)
  await trial.clock.advance(1_000)
  await store.removePeer(id)
  trial.equal(textOf(snapshot), before, 'a snapshot after the store changed')
}

export async function evidenceLive (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  trial.equal(store.evidence(id), [], 'evidence of a peer that is not known')
  const from = source('gossip', { reporter: 'r' })
  await store.addPeer(claim(id, { from, ttl: 5_000, addresses: [address(1)], protocols: ['/p'], metadata: new Map([['k', 'v']]) }))
  await store.addPeer(claim(id, { from: source('dns'), ttl: 3_000, addresses: [address(2)] }))
  await store.addPeer(claim(id, { from: source('mdns'), addresses: [address(3)] }))
  trial.equal(store.evidence(id).length, 3, 'pieces of evidence')
  await store.withdraw(id, source('mdns'), 1)
  await trial.clock.advance(3_000)
  const seen = store.evidence(id).map(({ peerId, source: { path, group, reporter }, observedAt, expiresAt, multiaddrs, protocols, metadata }) => [
    peerId.toString(), path, group, reporter, observedAt, expiresAt, multiaddrs.map(String), protocols, [...metadata ?? []]
  ])
  const expected = [[id.toString(), from.path, from.group, 'r', 0, 5_000, [address(1)], ['/p'], [['k', 'v']]]]
  trial.equal(seen, expected, 'evidence when one of three has run out and one was taken back')
}

/** Writes into everything that lets itself be written. */
function scribble (value: unknown): void {
  if (typeof value !== 'object' || value == null) return
  for (const key of [...Object.keys(value), 'confidence']) Reflect.set(value, key, 'scribbled')
  if (Array.isArray(value) && !Object.isFrozen(value)) value.push('scribbled')
}
