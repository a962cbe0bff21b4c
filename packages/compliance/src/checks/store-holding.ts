/** Clauses on time that did not count. */
import { limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { address, claim, peer, source } from '../store-evidence.ts'
import type { StoreTrial } from '../store-trial.ts'

const HOUR = 3_600_000

// To the millisecond is another clause's: here ten are left on either side.

function near (time: number | undefined): number {
  return Math.round(time ?? NaN)
}

export async function holdExtends (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { ttl: 10_000 }))
  await store.recordOutcome(id, multiaddr(address(1)), 'success')
  await trial.clock.advance(1_000)
  const { confidence, expiresAt = NaN } = store.peek(id) ?? {}
  await trial.clock.advance(HOUR)
  store.hold(HOUR)
  const after = store.peek(id)
  trial.expect(Math.abs((after?.confidence ?? NaN) - (confidence ?? NaN)) < 1e-6, `confidence after an hour that was held: expected ${confidence}, got ${after?.confidence}`)
  trial.equal(near(after?.expiresAt), expiresAt + HOUR, 'expiresAt after an hour that was held')
  trial.equal(near(store.evidence(id)[0]?.expiresAt), 10_000 + HOUR, 'expiresAt of the evidence after an hour that was held')
  const { expired, next } = await store.expire(trial.clock.now())
  trial.equal([expired, near(next)], [0, 10_000 + HOUR], 'peers dropped after an hour that was held, and when to call again')
  await trial.clock.advance(8_990)
  trial.expect(store.peek(id) != null, 'a claim of 10,000 ms was gone after an hour that was held and 9,990 ms')
  await trial.clock.advance(20)
  trial.expect(store.peek(id) == null, 'a claim of 10,000 ms was there after an hour that was held and 10,010 ms')
}

export async function holdBringsBack (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { ttl: 10_000 }))
  await trial.clock.advance(1_000 + HOUR)
  trial.expect(store.peek(id) == null, 'a claim of 10 s was there an hour later, and nobody had said that the hour does not count')
  trial.equal((await trial.listed(store)).length, 0, 'peers listed an hour later')
  store.hold(HOUR)
  trial.expect(store.peek(id) != null, 'a claim that ran out in an hour that was held then is gone, and nobody had called expire()')
  trial.equal((await trial.listed(store)).length, 1, 'peers listed after the hour was held')
}

export async function holdLate (trial: StoreTrial): Promise<void> {
  const [store, a, b] = [await trial.store(), await peer(1), await peer(2)]
  await trial.clock.advance(HOUR)
  store.hold(HOUR - 5_000)
  trial.equal(await store.addPeer(claim(a, { at: 0, ttl: 10_000 })), { outcome: 'new' }, 'evidence from before an hour that was held')
  await trial.clock.advance(4_990)
  trial.expect(store.peek(a) != null, 'a claim of 10,000 ms from before an hour that was held was gone when 9,990 ms had counted')
  await trial.clock.advance(20)
  trial.expect(store.peek(a) == null, 'a claim of 10,000 ms from before an hour that was held was there when 10,010 ms had counted')
  await trial.clock.advance(limits.evidenceLag)
  const refused = { outcome: 'refused', reason: 'stale-evidence' }
  trial.equal(await store.addPeer(claim(b, { at: 0, ttl: 600_000 })), refused, 'evidence that is too old, without an hour that was held')
}

export async function holdGoodbyes (trial: StoreTrial): Promise<void> {
  const [store, a, b, c] = [await trial.store(), await peer(1), await peer(2), await peer(3)]
  await store.withdraw(a, source('mdns'), 0)
  // The network is gone, and somebody on this machine goes on talking.
  await trial.clock.advance(HOUR - 9_000)
  await store.addPeer(claim(c, { at: HOUR - 9_000 }))
  await trial.clock.advance(3_000)
  await store.withdraw(c, source('mdns'), HOUR - 6_000)
  await trial.clock.advance(3_000)
  await store.addPeer(claim(b, { at: HOUR - 3_000 }))
  await store.addPeer(claim(c, { at: HOUR - 3_000 }))
  await trial.clock.advance(3_000)
  store.hold(HOUR)
  trial.expect(store.peek(b) != null, 'a claim made while time was held is gone')
  trial.expect(store.peek(c) != null, 'a claim made after a goodbye is gone, both made while time was held')
  await store.withdraw(b, source('mdns'), HOUR)
  trial.expect(store.peek(b) == null, 'a goodbye after a hold did not take back what was said while time was held')
  await store.addPeer(claim(a, { at: 0 }))
  trial.expect(store.peek(a) == null, 'a goodbye from before a hold was forgotten, and a claim that it takes back counted')
  await trial.clock.advance(10_010)
  trial.expect(store.peek(c) == null, 'a claim of 10 s made while time was held stood longer than 10 s after that')
}

export async function holdSurvives (trial: StoreTrial): Promise<void> {
  const [before, id] = [await trial.store(), await peer(1)]
  await before.addPeer(claim(id, { ttl: 90_000 }))
  await trial.clock.advance(10_000 + HOUR)
  before.hold(HOUR)
  const { store: after, clock } = await trial.reopened(before, 30_000)
  await clock.advance(49_990)
  trial.expect(after.peek(id) != null, 'a claim of 90,000 ms was gone when 89,990 ms had counted, over a hold and a restart')
  await clock.advance(20)
  trial.expect(after.peek(id) == null, 'a claim of 90,000 ms was there when 90,010 ms had counted, over a hold and a restart')
}
