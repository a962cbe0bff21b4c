/**
 * From sighting to evidence: shape, bounds, address policy, stamp. Everything that is turned away has a reason, from a
 * closed set, and is counted; a mechanism that lies cannot make this throw.
 */
import { addressScope, clampTtl, limits, mayReport, reporterScope, safeText, targetPeer, toError, withoutPeer } from '@peerweave/interface'
import { nodeRecords, openPeerRecord, type NodeRecords } from '@peerweave/records'
import { sourceOf } from './source.ts'
import { soundSighting } from './sound-sighting.ts'
import type { Claim, Clock, Evidence, Ports, Sighting, Source, StoreRefusalReason, VerifiedRecord, Withdrawal } from '@peerweave/interface'
import type { Origin } from './origin.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export type RefusalReason = StoreRefusalReason |
  'malformed' | 'own-id' | 'bad-ttl' | 'wrong-peer' | 'address-too-long' | 'address-scope' | 'too-many-addresses' | 'queue-full' |
  'endpoint' | 'bad-record' | 'store-failed'

/** Something turned away. `detail` is safe to show. */
export interface Refusal {
  reason: RefusalReason
  detail?: string | undefined
  /** Of whom it was, where that could be read. */
  peerId?: PeerId | undefined
}

/** What is left of a sighting after checking, with the copy that it was checked on. */
export type Checked =
  | { kind: 'evidence', evidence: Evidence, sighting: Sighting }
  | { kind: 'withdraw', peerId: PeerId, source: Source, at: number, multiaddrs: Multiaddr[] | undefined, sighting: Sighting }

/** The step by which one stamp is later than the last, ms: above the clock's resolution at any uptime. */
const STAMP_STEP = 2 ** -16

export class Pipeline {
  readonly #clock: Clock
  readonly #self: PeerId
  /** A record comes by many ways; its signature is checked once. */
  readonly #records: NodeRecords
  #lastStamp = -Infinity

  constructor (ports: Ports, clock: Clock) {
    this.#self = ports.host.self
    this.#clock = clock
    this.#records = nodeRecords(ports, { clock })
  }

  /** `undefined` when nothing is left. `refuse` is called for the sighting as a whole, or for a part that is left out. */
  async check (said: unknown, origin: Origin, refuse: (refusal: Refusal) => void): Promise<Checked | undefined> {
    let sighting: Sighting
    try {
      sighting = soundSighting(said)
    } catch (error) {
      refuse({ reason: 'malformed', detail: safeText(toError(error).message) })
      return undefined
    }
    if (sighting.kind === 'endpoint') {
      // Whose address it is can only be learnt by dialling it, which no policy here asks for.
      refuse({ reason: 'endpoint', detail: safeText(sighting.multiaddr) })
      return undefined
    }
    const { peerId } = sighting
    if (this.#self.equals(peerId)) {
      refuse({ reason: 'own-id' })
      return undefined
    }
    const refuseOfPeer = (refusal: Refusal): void => refuse({ ...refusal, peerId })
    return sighting.kind === 'claim' ? await this.#claim(sighting, origin, refuseOfPeer) : this.#withdrawal(sighting, origin, refuseOfPeer)
  }

  async #claim (claim: Claim, origin: Origin, refuse: (refusal: Refusal) => void): Promise<Checked | undefined> {
    const { peerId, ttl, reporter, protocols, metadata } = claim
    if (!(ttl > 0)) {
      refuse({ reason: 'bad-ttl', detail: safeText(ttl) })
      return undefined
    }
    // Stamped when it was said: a signature takes time to check, and a goodbye may overtake it.
    const observedAt = this.#stamp()
    const record = await this.#record(claim, refuse)
    const multiaddrs = this.#addresses(claim, record, refuse)
    if (multiaddrs.length === 0) {
      refuse({ reason: 'no-address' })
      return undefined
    }
    return {
      kind: 'evidence',
      sighting: claim,
      evidence: {
        peerId, multiaddrs, source: sourceOf(origin, reporter), observedAt, expiresAt: observedAt + clampTtl(ttl), record, protocols,
        metadata
      }
    }
  }

  #withdrawal (withdrawal: Withdrawal, origin: Origin, refuse: (refusal: Refusal) => void): Checked {
    const { peerId, multiaddrs, reporter } = withdrawal
    return {
      kind: 'withdraw',
      sighting: withdrawal,
      peerId,
      source: sourceOf(origin, reporter),
      at: this.#stamp(),
      multiaddrs: multiaddrs?.slice(0, limits.addressesPerClaim).filter(address => isShort(address, refuse)).map(withoutPeer)
    }
  }

  /** The signed record of a claim. Without a sound one the claim stands as an unsigned one. */
  async #record ({ peerId, signedPeerRecord, reporter }: Claim, refuse: (refusal: Refusal) => void): Promise<VerifiedRecord | undefined> {
    if (signedPeerRecord == null) return undefined
    const by = reporter?.peer?.toString() ?? reporter?.remoteAddr?.toString() ?? reporter?.domain
    const opened = await openPeerRecord(signedPeerRecord, { cache: this.#records.cache, rate: this.#records.rate, reporter: by })
    const refused = 'refused' in opened ? opened.refused : opened.record.peerId.equals(peerId) ? undefined : 'of another peer'
    if (refused != null) refuse({ reason: 'bad-record', detail: refused })
    return refused == null && 'record' in opened ? opened.record : undefined
  }

  /** What is signed is still only believed of whom it may be believed: a record travels anywhere. */
  #addresses ({ peerId, multiaddrs, reporter }: Claim, record: VerifiedRecord | undefined, refuse: (refusal: Refusal) => void): Multiaddr[] {
    const from = reporterScope(reporter)
    const result = new Map<string, Multiaddr>()
    for (const multiaddr of [...record?.addresses ?? [], ...multiaddrs.slice(0, limits.addressesPerClaim)]) {
      if (!isShort(multiaddr, refuse)) continue
      const named = targetPeer(multiaddr)
      if (named != null && named !== peerId.toString()) {
        refuse({ reason: 'wrong-peer', detail: safeText(multiaddr) })
      } else if (!mayReport(from, addressScope(multiaddr))) {
        refuse({ reason: 'address-scope', detail: `${safeText(multiaddr)} (${addressScope(multiaddr)}) from a ${from} source` })
      } else {
        // Kept without the id at its end, so that the same one is not kept twice.
        const address = withoutPeer(multiaddr)
        result.set(address.toString(), address)
      }
    }
    if (multiaddrs.length > limits.addressesPerClaim) {
      refuse({ reason: 'too-many-addresses', detail: `more than ${limits.addressesPerClaim}` })
    }
    return [...result.values()]
  }

  /** Strictly increasing, so that a goodbye and an announcement of one millisecond keep their order. */
  #stamp (): number {
    const now = this.#clock.now()
    // A clock that says NaN once must not spoil every stamp after it.
    this.#lastStamp = Number.isFinite(now) ? Math.max(now, this.#lastStamp + STAMP_STEP) : this.#lastStamp + STAMP_STEP
    return this.#lastStamp
  }
}

/** Size first: printing a hostile multiaddr costs more than refusing it. */
function isShort (multiaddr: Multiaddr, refuse: (refusal: Refusal) => void): boolean {
  const isShortEnough = multiaddr.bytes.length <= limits.multiaddrBytes && multiaddr.getComponents().length <= limits.multiaddrComponents
  if (!isShortEnough) refuse({ reason: 'address-too-long' })
  return isShortEnough
}
