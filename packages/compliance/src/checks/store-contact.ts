/** Clauses on what we saw ourselves. */
import { limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { address, addresses, claim, peer, peers, source } from '../store-evidence.ts'
import { addressesOf } from '../store-plain.ts'
import type { ConnectionStatus } from '@peerweave/interface'
import type { StoreTrial } from '../store-trial.ts'

export async function outcomesMonotone (trial: StoreTrial): Promise<void> {
  const [store, id, [home, other]] = [await trial.store(), await peer(1), addresses(2).map(text => multiaddr(text))]
  if (home == null || other == null) return
  await store.addPeer(claim(id, { addresses: addresses(2) }))
  const confidence = (): number => store.peek(id)?.confidence ?? NaN
  const stranger = confidence()
  await store.recordOutcome(id, home, 'failure')
  let before = confidence()
  trial.expect(before < stranger, `a failure moved confidence from ${stranger} to ${before}`)
  trial.equal(addressesOf(store.peek(id)), [address(2), address(1)], 'addresses after the first one failed')
  for (let i = 0; i < 20; i++) {
    await store.recordOutcome(id, home, 'failure')
    const after = confidence()
    trial.expect(after <= before && after > 0, `failure ${i + 2} moved confidence from ${before} to ${after}`)
    before = after
  }
  await store.recordOutcome(id, home, 'success')
  trial.expect(confidence() >= stranger, `a success moved confidence to ${confidence()}, where it was ${stranger} before any failure`)
  trial.equal(addressesOf(store.peek(id)), addresses(2), 'addresses after the first one answered')
}

export async function confidenceSound (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const isSound = (when: string): void => {
    const shown = store.peek(id)
    for (const value of [shown?.confidence ?? NaN, ...(shown?.addresses ?? []).map(({ confidence }) => confidence)]) {
      trial.expect(value >= 0 && value <= 1, `confidence is ${value} ${when}`)
    }
  }
  await store.addPeer(claim(id, { from: source('dht'), ttl: NaN }))
  await store.addPeer(claim(id, { from: source('dht'), ttl: 200_000_000 }))
  isSound('of one claim')
  const alone = store.peek(id)?.confidence ?? NaN
  await store.addPeer(claim(id, { from: source('dht', { reporter: 'again' }), ttl: 200_000_000 }))
  await trial.clock.advance(0)
  trial.expect(Math.abs((store.peek(id)?.confidence ?? NaN) - alone) < 1e-9, 'a second claim of the same quota group moved confidence')
  await store.addPeer(claim(id, { from: source('unheard-of'), ttl: 200_000_000 }))
  const together = store.peek(id)?.confidence ?? NaN
  trial.expect(together >= alone, `another quota group moved confidence from ${alone} to ${together}`)
  isSound('of two groups')
  for (const at of [NaN, Infinity, -Infinity, 1e15]) await store.addPeer(claim(id, { at, ttl: NaN }))
  isSound('after claims stamped NaN, Infinity, −Infinity and 10¹⁵')
  await store.updatePeerSeen(id, Infinity)
  await store.recordOutcome(id, multiaddr(address(1)), 'success')
  isSound('after a success')
  await trial.clock.advance(90_000_000)
  isSound('25 hours later')
  const later = store.peek(id)?.confidence ?? NaN
  trial.expect(later < together, `25 hours without news moved confidence from ${together} to ${later}`)
}

export async function ownContactOnly (trial: StoreTrial): Promise<void> {
  const [store, id, home] = [await trial.store(), await peer(1), multiaddr(address(1))]
  await store.addPeer(claim(id, { ttl: 60_000 }))
  await trial.clock.advance(1_000)
  await store.addPeer(claim(id, { at: 1_000, ttl: 60_000 }))
  await store.recordOutcome(id, home, 'failure')
  trial.equal(store.peek(id)?.lastSeen, undefined, 'lastSeen after claims and a failure')
  await store.recordOutcome(id, home, 'success')
  const answered = trial.clock.wall()
  trial.equal(store.peek(id)?.lastSeen, answered, 'lastSeen after a success')
  await trial.clock.advance(1_000)
  await store.addPeer(claim(id, { at: 2_000, ttl: 60_000 }))
  await store.recordOutcome(id, home, 'failure')
  await store.updatePeerSeen(id, 500)
  trial.equal(store.peek(id)?.lastSeen, answered, 'lastSeen after claims, a failure and an older contact')
  await store.updatePeerSeen(id, 1e15)
  trial.equal(store.peek(id)?.lastSeen, trial.clock.wall(), 'lastSeen after a contact in the future')
}

export async function identity (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { protocols: ['/claimed'] }))
  store.setIdentity(id, { protocols: ['/b', '/a'], agentVersion: 'x'.repeat(1_000), protocolVersion: 'v1' })
  const shown = store.peek(id)
  trial.equal([...shown?.protocols ?? []].sort(), ['/a', '/b'], 'protocols after identify')
  const versions = [shown?.agentVersion?.length, shown?.protocolVersion]
  trial.equal(versions, [limits.agentBytes, 'v1'], 'length of a long agent version, and protocol version')
  await store.addPeer(claim(id, { from: source('dns'), protocols: ['/claimed'] }))
  trial.equal([...store.peek(id)?.protocols ?? []].sort(), ['/a', '/b'], 'protocols after another claim')
  store.setIdentity(id, { protocols: Array.from({ length: limits.protocolsPerPeer + 1 }, (_, i) => `/p/${i}`) })
  trial.equal(store.peek(id)?.protocols.length, limits.protocolsPerPeer, 'protocols kept of one too many')
}

const STATUSES: ConnectionStatus[] = ['connecting', 'connected', 'disconnected', 'failed', 'unknown']

export async function connection (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id))
  trial.equal(store.peek(id)?.connectionStatus, 'unknown', 'connectionStatus of a newcomer')
  for (const status of STATUSES) {
    store.setConnection(id, status)
    trial.equal(store.peek(id)?.connectionStatus, status, 'connectionStatus')
    if (status === 'connected') trial.equal(store.peek(id)?.confidence, 1, 'confidence of a connected peer')
  }
  trial.equal(store.peek(id)?.lastSeen, trial.clock.wall(), 'lastSeen after a connection')
}

export async function removePeer (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  trial.equal(await store.removePeer(id), false, 'removing who is not known')
  await store.addPeer(claim(id))
  store.setConnection(id, 'connected')
  trial.equal(await store.removePeer(id), true, 'removing who is known')
  trial.equal(await store.removePeer(id), false, 'removing it again')
  const closest = await store.getClosestPeers(new Uint8Array(1), 1)
  const left = [store.size, store.peek(id) != null, (await trial.listed(store)).length, closest.length, store.evidence(id).length]
  trial.equal(left, [0, false, 0, 0, 0], 'size, peek, getPeers, getClosestPeers and evidence after a removal')
  trial.equal(await store.addPeer(claim(id)), { outcome: 'new' }, 'a claim after the removal')
  trial.equal(store.peek(id)?.connectionStatus, 'unknown', 'connectionStatus after the removal')
}

export async function dismiss (trial: StoreTrial): Promise<void> {
  const [store, id, other] = [await trial.store(), await peer(1), await peer(2)]
  await trial.clock.advance(10)
  trial.equal(await store.dismiss(id, 10), false, 'dismissing who is not known')
  for (const path of ['gossip', 'mdns']) await store.addPeer(claim(id, { at: 5, from: source(path) }))
  await store.addPeer(claim(other, { at: 5 }))
  store.setConnection(id, 'connected')
  trial.equal(await store.dismiss(id, 8), true, 'dismissing who is known')
  trial.equal([store.peek(id) != null, store.evidence(id).length, store.size], [false, 0, 1], 'peek, evidence and size after it')
  await store.addPeer(claim(id, { at: 7, from: source('mdns') }))
  trial.expect(store.peek(id) == null, 'a claim observed at 7 counted after the peer was dismissed at 8')
  trial.equal(await store.addPeer(claim(id, { at: 9, from: source('mdns') })), { outcome: 'new' }, 'a claim observed afterwards')
}

export async function clear (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const [shown, tried, left] = await peers(3)
  if (shown == null || tried == null || left == null) return
  for (const id of [shown, tried, left]) await store.addPeer(claim(id, { ttl: 10_000 }))
  await store.recordOutcome(tried, multiaddr(address(1)), 'success')
  store.setConnection(tried, 'connected')
  await store.withdraw(left, source('mdns'), 1)
  await store.clear()
  const tables = (['tried', 'new', 'dormant'] as const).map(table => store.pick({ table, count: 9 }).length)
  trial.equal([store.size, (await trial.listed(store)).length, ...tables], [0, 0, 0, 0, 0], 'size, getPeers, and whom pick draws')
  trial.equal([store.anchors().length, store.elders().length], [0, 0], 'anchors and elders')
  trial.equal(await store.addPeer(claim(left, { at: 0 })), { outcome: 'new' }, 'an old claim of who said goodbye before')
}
