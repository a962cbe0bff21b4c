/** Clauses on how claims run out. */
import { limits } from '@peerweave/interface'
import { claim, peer, peers, source } from '../store-evidence.ts'
import { addressesOf, pathsOf } from '../store-plain.ts'
import type { StoreTrial } from '../store-trial.ts'

export async function shorterTtl (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { ttl: 10_000 }))
  await trial.clock.advance(1_000)
  await store.addPeer(claim(id, { at: 1_000, ttl: 1_000 }))
  await trial.clock.advance(1_100)
  trial.expect(store.peek(id) == null, 'a claim of 10 s stood on after a later one of 1 s had run out')
}

export async function expiresToTheMillisecond (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { ttl: 5_000 }))
  await trial.clock.advance(4_999)
  trial.expect(store.peek(id) != null, 'a claim of 5,000 ms was gone after 4,999 ms')
  await trial.clock.advance(1)
  trial.expect(store.peek(id) == null, 'a claim of 5,000 ms was there after 5,000 ms')
  trial.equal((await trial.listed(store)).length, 0, 'peers listed after 5,000 ms')
  trial.equal((await store.getClosestPeers(new Uint8Array(1), 1)).length, 0, 'closest peers after 5,000 ms')
}

export async function expireReports (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const ids = await peers(5)
  await store.addPeers(ids.map(id => claim(id, { ttl: 5_000 })))
  await store.addPeer(claim(await peer(5), { ttl: 8_000 }))
  await trial.clock.advance(5_000)
  const { expired, next } = await store.expire(trial.clock.now(), { limit: 2 })
  trial.expect(expired <= 2, `expire() with limit 2 dropped ${expired} peers`)
  trial.expect(next <= trial.clock.now(), `3 peers have run out and wait, and expire() is to be called again only at ${next}`)
  const rest = await store.expire(trial.clock.now())
  trial.equal(expired + rest.expired, 5, 'peers dropped in two calls')
  trial.equal(rest.next, 8_000, 'when to call again')
  trial.equal(store.size, 1, 'size')
  // Late claims and goodbyes may be remembered for a while; in the end nothing is.
  let again = rest.next
  for (let calls = 0; calls < 10 && again !== Infinity; calls++) {
    await trial.clock.advance(Math.max(0, again - trial.clock.now()))
    again = (await store.expire(trial.clock.now())).next
  }
  trial.expect(again === Infinity && store.size === 0, `${store.size} peers are left, and expire() is to be called again at ${again}`)
}

export async function sourceRunsOut (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const following = trial.supports.changes ? await trial.follow(store) : undefined
  await store.addPeer(claim(id, { ttl: 5_000 }))
  await store.addPeer(claim(id, { ttl: 8_000, from: source('dns') }))
  await trial.clock.advance(5_500)
  const { expired } = await store.expire(trial.clock.now())
  trial.equal([expired, pathsOf(store.peek(id))], [0, ['dns']], 'peers dropped, and the sources of the peer')
  await trial.clock.settle()
  if (following == null) return
  const last = following.changes.at(-1)
  trial.equal([last?.kind, last?.kind === 'updated' && last.cause.kind], ['updated', 'expiry'], 'the last change')
}

export async function connectedStays (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { ttl: 2_000 }))
  store.setConnection(id, 'connected')
  await trial.clock.advance(3_000)
  await store.expire(trial.clock.now())
  const shown = store.peek(id)
  trial.equal([shown?.connectionStatus, shown?.confidence, addressesOf(shown)], ['connected', 1, []], 'the view of a connected peer')
  store.setConnection(id, 'disconnected')
  trial.expect(store.peek(id) == null, 'a peer without claims stayed after its connection')
}

const TTLS = [0, -1, NaN, 2 ** 40, 3.2e11, Infinity, -Infinity]

export async function ttlClamped (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  for (const [i, ttl] of TTLS.entries()) {
    const id = await peer(i)
    await store.addPeer(claim(id, { ttl }))
    const left = (store.peek(id)?.expiresAt ?? NaN) - trial.clock.wall()
    trial.expect(left >= limits.ttlMin && left <= limits.ttlMax + 1, `a claim with ttl ${ttl} stands for ${left} ms`)
  }
}

/** What a stamp may be ahead of our time, ms. */
const SLACK = 1_000

export async function stampClamped (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const stamps = [3_600_000, 2 ** 40, Infinity, NaN, -Infinity]
  for (const [i, at] of stamps.entries()) await store.addPeer(claim(await peer(i), { at, ttl: 5_000 }))
  const honest = await peer(99)
  for (const at of [2 ** 40, Infinity, NaN]) await store.withdraw(honest, source('mdns'), at)
  await trial.clock.advance(5_001 + SLACK)
  for (const [i, at] of stamps.entries()) {
    trial.expect(store.peek(await peer(i)) == null, `a claim of 5 s stamped ${at} was there ${trial.clock.now()} ms later`)
  }
  await store.addPeer(claim(honest, { at: trial.clock.now() }))
  trial.expect(store.peek(honest) != null, 'a goodbye stamped in the future took back what was claimed much later')
}
