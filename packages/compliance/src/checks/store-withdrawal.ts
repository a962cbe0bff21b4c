/** Clauses on goodbyes. */
import { limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { address, addresses, claim, peer, peers, source } from '../store-evidence.ts'
import { addressesOf, pathsOf } from '../store-plain.ts'
import type { StoreTrial } from '../store-trial.ts'

export async function withdrawOwn (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const [x, y] = [source('gossip', { reporter: 'x' }), source('gossip', { reporter: 'y' })]
  await store.addPeer(claim(id, { from: source('mdns'), addresses: [address(1)] }))
  await store.addPeer(claim(id, { from: x, addresses: [address(2)] }))
  await store.addPeer(claim(id, { from: y, addresses: [address(3)] }))
  await store.withdraw(id, x, 1)
  trial.equal(addressesOf(store.peek(id)).sort(), [address(1), address(3)], 'addresses after the goodbye of one reporter of two')
  await store.withdraw(id, source('mdns'), 1)
  trial.equal(pathsOf(store.peek(id)), ['gossip'], 'sources after the goodbye of one of two')
  await store.withdraw(id, y, 1)
  trial.expect(store.peek(id) == null, 'a peer was there after the goodbye of every source')
  await trial.clock.advance(2)
  trial.equal(await store.addPeer(claim(id, { at: 2 })), { outcome: 'new' }, 'a claim observed after the goodbye')
}

export async function withdrawPartial (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { addresses: addresses(2) }))
  await store.withdraw(id, source('mdns'), 1, [multiaddr(address(1))])
  trial.equal(addressesOf(store.peek(id)), [address(2)], 'addresses after a goodbye to one')
}

export async function withdrawFirst (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await trial.clock.advance(10)
  await store.withdraw(id, source('mdns'), 8)
  await store.addPeer(claim(id, { at: 5 }))
  trial.expect(store.peek(id) == null, 'a claim observed at 5 counted after a goodbye said at 8')
  await store.addPeer(claim(id, { at: 9 }))
  trial.expect(store.peek(id) != null, 'a claim observed at 9 did not count after a goodbye said at 8')
}

export async function withdrawStranger (trial: StoreTrial): Promise<void> {
  const store = await trial.store({ capacity: 20 })
  const honest = await peers(20)
  // Of a group each: a store may keep one group from filling it.
  await store.addPeers(honest.map((id, i) => claim(id, { ttl: 600_000, from: source('mdns', { group: `if:${i}` }) })))
  for (const [i, id] of (await peers(200, 1_000)).entries()) await store.withdraw(id, source('gossip', { group: `net:${i % 64}` }), 0)
  trial.equal([store.size, honest.filter(id => store.peek(id) == null).length], [20, 0], 'size, and how many lost their place')
}

export async function withdrawRemembered (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await trial.clock.advance(1_000)
  const many = addresses(limits.withdrawalsPerSource + 1)
  for (const [i, text] of many.entries()) await store.withdraw(id, source('mdns'), 100 + i, [multiaddr(text)])
  for (const [i, text] of many.entries()) {
    await store.addPeer(claim(id, { at: 100 + i, addresses: [text] }))
    trial.expect(store.peek(id) == null, `of ${many.length} goodbyes to one address each, number ${i + 1} was forgotten`)
  }
  await store.addPeer(claim(id, { at: 200 }))
  trial.expect(store.peek(id) != null, 'a claim observed after all goodbyes did not count')
}
