/** Clauses on what a mechanism says. */
import { limits } from '@peerweave/interface'
import { isMultiaddr } from '@multiformats/multiaddr'
import { describeError } from '../compliance-error.ts'
import { isTtl, snapshot } from '../snapshot.ts'
import type { Sighting } from '@peerweave/interface'
import type { Candidate } from '../candidate.ts'
import type { Trial } from '../trial.ts'

export async function selfNeverReported (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const { subject, world: { self } } = candidate
  await subject.echo()
  await ordinaryLife(trial, candidate, async () => {
    await candidate.announce()
    await subject.echo()
  })
  const own = candidate.heard.find(({ sighting }) => sighting.kind !== 'endpoint' && sighting.peerId.equals(self))
  trial.expect(own == null, () => `it reported our own id in ${own?.by === 'event' ? 'an event' : 'a round'}: ${own?.looked}`)
}

export async function wellFormed (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await ordinaryLife(trial, candidate)
  for (const { sighting, looked } of candidate.heard) {
    const wrong = fault(sighting)
    trial.expect(wrong == null, `${wrong} in ${looked}`)
  }
}

export async function withdrawsOwnClaims (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await ordinaryLife(trial, candidate)
  const claimed = new Set<string>()
  for (const { sighting, looked } of candidate.heard) {
    if (sighting.kind === 'claim') claimed.add(sighting.peerId.toString())
    const isOwn = sighting.kind !== 'withdraw' || claimed.has(sighting.peerId.toString())
    trial.expect(isOwn, `it withdrew what it had never claimed: ${looked}`)
  }
}

export async function askedOrNews (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await ordinaryLife(trial, candidate)
  const news = new Set(candidate.heard.filter(({ by }) => by === 'event').map(({ sighting }) => sighting))
  const both = candidate.heard.find(({ sighting, by }) => by === 'round' && news.has(sighting))
  trial.expect(both == null, () => `it yielded and emitted the same sighting ${both?.looked}`)
}

export async function sightingsImmutable (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await ordinaryLife(trial, candidate)
  for (const { sighting, looked } of candidate.heard) {
    const looks = snapshot(sighting)
    trial.expect(looks === looked, `a sighting it gave became ${looks}; it was ${looked}`)
  }
}

export async function sightingsApart (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const id = await candidate.started()
  if (!await candidate.finds(id) || !candidate.heard.every(({ sighting }) => isSound(sighting))) return
  for (const { sighting } of candidate.heard) vandalise(sighting)
  const since = candidate.heard.length
  // Not every mechanism tells the same peer again; one that does must tell the same as before.
  const round = candidate.round()
  await trial.pace.until(() => round.ended, trial.roundDeadline)
  round.abandon()
  trial.expect(round.error == null, () => `a reader changed a sighting, and the next round threw ${describeError(round.error)}`)
  for (const { sighting, looked } of candidate.heard.slice(since)) {
    trial.expect(isSound(sighting), `a reader changed a sighting, and the next one was ${looked}`)
  }
}

/** Start, find, meet newcomers, hear nothing for a while, stop. */
async function ordinaryLife (trial: Trial, candidate: Candidate, busy: () => Promise<void> = async () => {}): Promise<void> {
  const id = await candidate.started()
  await candidate.finds(id)
  await busy()
  for (let i = 0; i < 2; i++) await candidate.findsNewcomer()
  const last = candidate.round()
  await trial.pace.until(() => last.ended, trial.roundDeadline)
  last.abandon()
  await candidate.stop()
}

/** What is wrong with a sighting, in a few words. */
function fault (sighting: Sighting): string | undefined {
  switch (sighting.kind) {
    case 'claim': {
      const { ttl, peerId, multiaddrs, protocols, signedPeerRecord, metadata } = sighting
      if (!isPeerId(peerId)) return 'no peer id'
      if (!isTtl(ttl)) return `ttl ${ttl}, not a finite number greater than 0,`
      if (!areAddresses(multiaddrs)) return 'multiaddrs that are not an array of multiaddrs'
      if (multiaddrs.length > limits.addressesPerClaim) return `${multiaddrs.length} addresses (at most ${limits.addressesPerClaim})`
      if (protocols?.every(protocol => typeof protocol === 'string') === false) return 'protocols that are not strings'
      if (signedPeerRecord != null && !(signedPeerRecord instanceof Uint8Array)) return 'a signed peer record that is not bytes'
      if (metadata != null && !(metadata instanceof Map)) return 'metadata that is not a map'
      return undefined
    }
    case 'withdraw':
      if (!isPeerId(sighting.peerId)) return 'no peer id'
      return sighting.multiaddrs == null || areAddresses(sighting.multiaddrs) ? undefined : 'multiaddrs that are not an array of multiaddrs'
    case 'endpoint':
      if (!isTtl(sighting.ttl)) return `ttl ${sighting.ttl}, not a finite number greater than 0,`
      return isMultiaddr(sighting.multiaddr) ? undefined : 'no multiaddr'
    default: return 'an unknown kind'
  }
}

function isSound (sighting: Sighting): boolean {
  return fault(sighting) == null && (sighting.kind !== 'claim' || sighting.multiaddrs.length > 0)
}

function isPeerId (value: unknown): boolean {
  return typeof value === 'object' && value != null && 'toMultihash' in value && 'equals' in value
}

function areAddresses (value: unknown): boolean {
  return Array.isArray(value) && value.every(isMultiaddr)
}

/** What a careless reader may do. A frozen sighting is left as it is. */
function vandalise (sighting: Sighting): void {
  // Deepest first; a sighting that came twice has nothing left to spoil.
  if ('multiaddrs' in sighting && sighting.multiaddrs != null) Reflect.set(sighting.multiaddrs, 'length', 0)
  for (const key of ['ttl', 'multiaddrs', 'multiaddr', 'peerId']) Reflect.set(sighting, key, null)
}
