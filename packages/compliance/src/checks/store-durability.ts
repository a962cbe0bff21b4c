/** Clauses on what a restart leaves. */
import { multiaddr } from '@multiformats/multiaddr'
import { address, addresses, claim, peer, source } from '../store-evidence.ts'
import { copyOf, textOf } from '../store-plain.ts'
import type { PeerInfo, PeerStore } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { StoreTrial } from '../store-trial.ts'

export async function flushedSurvives (trial: StoreTrial): Promise<void> {
  const [before, a, b] = [await trial.store(), await peer(1), await peer(2)]
  await before.addPeer(claim(a, { ttl: 600_000, addresses: addresses(2), protocols: ['/p'], metadata: new Map([['k', 'v']]) }))
  await before.addPeer(claim(a, { ttl: 600_000, from: source('gossip', { reporter: 'r' }) }))
  await before.addPeer(claim(b, { ttl: 600_000 }))
  await trial.clock.advance(2_000)
  await before.recordOutcome(a, multiaddr(address(1)), 'failure')
  await before.recordOutcome(b, multiaddr(address(1)), 'success')
  const shown = [a, b].map(id => before.peek(id))
  const kept = [a, b].map(id => evidenceOf(before, id))
  const { store: after } = await trial.reopened(before, 0)
  trial.equal(after.size, 2, 'size after a restart')
  for (const [i, id] of [a, b].entries()) {
    trial.equal(textOf(rounded(after.peek(id))), textOf(rounded(shown[i])), 'a view after a restart')
    trial.equal(evidenceOf(after, id), kept[i], 'evidence after a restart')
  }
}

export async function restartMapsTimes (trial: StoreTrial): Promise<void> {
  const [before, a, b] = [await trial.store(), await peer(1), await peer(2)]
  await trial.clock.advance(100_000)
  const now = trial.clock.now()
  await before.addPeer(claim(a, { at: now, ttl: 90_000 }))
  await before.addPeer(claim(b, { at: now, ttl: 20_000 }))
  await before.recordOutcome(a, multiaddr(address(1)), 'success')
  const { expiresAt, lastSeen } = before.peek(a) ?? {}
  const { store: after, clock } = await trial.reopened(before, 30_000)
  trial.equal([after.peek(a)?.expiresAt, after.peek(a)?.lastSeen], [expiresAt, lastSeen], 'expiresAt and lastSeen after a restart')
  trial.expect(after.peek(b) == null, 'a claim that ran out while the store was closed is there')
  await clock.advance(59_999)
  trial.expect(after.peek(a) != null, 'a claim of 90,000 ms, 30,000 of them closed, was gone 59,999 ms after the restart')
  await clock.advance(1)
  trial.expect(after.peek(a) == null, 'a claim of 90,000 ms, 30,000 of them closed, was there 60,000 ms after the restart')
}

export async function staysWithdrawn (trial: StoreTrial): Promise<void> {
  const [before, a, b] = [await trial.store(), await peer(1), await peer(2)]
  await before.addPeer(claim(a, { ttl: 600_000 }))
  await before.addPeer(claim(b, { ttl: 600_000 }))
  await before.flush()
  await trial.clock.advance(10_000)
  await before.withdraw(a, source('mdns'), 5_000)
  await before.removePeer(b)
  const { store: after, clock } = await trial.reopened(before, 1_000)
  trial.expect(after.peek(a) == null, 'what was taken back is there after a restart')
  trial.expect(after.peek(b) == null, 'who was removed is there after a restart')
  // The process before stood at 10,000 when it ended, 1,000 ms ago.
  const shift = clock.now() - 11_000
  await after.addPeer(claim(a, { at: 4_000 + shift, ttl: 600_000 }))
  trial.expect(after.peek(a) == null, 'a late claim counted after a restart, though it was taken back before')
  await after.addPeer(claim(a, { at: 8_000 + shift, ttl: 600_000 }))
  trial.expect(after.peek(a) != null, 'a claim observed after the goodbye did not count after a restart')
}

/** Confidence is computed anew: its last bits may differ. */
function rounded (peer: PeerInfo | undefined): PeerInfo | undefined {
  if (peer == null) return undefined
  const round = (confidence: number): number => Math.round(confidence * 1e9) / 1e9
  const copy = copyOf(peer)
  return { ...copy, confidence: round(copy.confidence), addresses: copy.addresses.map(one => ({ ...one, confidence: round(one.confidence) })) }
}

/** Without times, which are those of another clock after a restart. */
function evidenceOf (store: PeerStore, id: PeerId): string[] {
  return store.evidence(id).map(({ source: { path, group, reporter }, multiaddrs, protocols, metadata, observedAt, expiresAt }) => {
    return JSON.stringify([path, group, reporter, multiaddrs.map(String).sort(), protocols, [...metadata ?? []], expiresAt - observedAt])
  }).sort()
}
