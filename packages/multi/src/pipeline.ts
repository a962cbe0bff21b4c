/**
 * From sighting to evidence: shape, bounds, address policy, stamp. Everything that is turned away has a reason, from a
 * closed set, and is counted; a mechanism that lies cannot make this throw.
 */
import { addressScope, clampTtl, limits, mayReport, reporterScope, safeText, targetPeer, toError, withoutPeer } from '@peerweave/interface'
import { nodeRecords, openPeerRecord, type NodeRecords } from '@peerweave/records'
import { sourceOf } from './source.ts'
import { soundSighting } from './sound-sighting.ts'
import type { Claim, Clock, Endpoint, Evidence, Ports, ReporterScope, Sighting, Source, StoreRefusalReason, VerifiedRecord, Withdrawal } from '@peerweave/interface'
import type { AccessList } from './access-list.ts'
import type { Origin } from './origin.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export type RefusalReason = StoreRefusalReason |
  'malformed' | 'own-id' | 'bad-ttl' | 'wrong-peer' | 'address-too-long' | 'address-scope' | 'too-many-addresses' | 'queue-full' |
  'endpoint' | 'bad-record' | 'store-failed' | 'denied' | 'quarantined'

/** Something turned away. `detail` is safe to show. */
export interface Refusal {
  reason: RefusalReason
  detail?: string | undefined
  /** Of whom it was, where that could be read. */
  peerId?: PeerId | undefined
}

/** What is left of a sighting after checking, with the copy that it was checked on. */
export type Checked =
  | { kind: 'evidence', evidence: Evidence, sighting: Claim }
  | { kind: 'withdraw', peerId: PeerId, source: Source, at: number, multiaddrs: Multiaddr[] | undefined, sighting: Withdrawal }
  | { kind: 'endpoint', sighting: Endpoint }

/** The step by which one stamp is later than the last, ms: above the clock's resolution at any uptime. */
const STAMP_STEP = 2 ** -16

export interface PipelineInit {
  ports: Ports
  clock: Clock
  access: Pick<AccessList, 'isWelcome'>
  /** The longest that a claim stands, ms, when nothing but others' word speaks for it. */
  peerTimeout: number
  /** We had contact with it lately. */
  isConfirmed: (id: PeerId) => boolean
}

export class Pipeline {
  readonly #clock: Clock
  readonly #self: PeerId
  /** A record comes by many ways; its signature is checked once. */
  readonly #records: NodeRecords
  readonly #access: Pick<AccessList, 'isWelcome'>
  readonly #peerTimeout: number
  readonly #isConfirmed: (id: PeerId) => boolean
  #lastStamp = -Infinity

  constructor ({ ports, clock, access, peerTimeout, isConfirmed }: PipelineInit) {
    this.#self = ports.host.self
    this.#clock = clock
    this.#access = access
    this.#peerTimeout = peerTimeout
    this.#isConfirmed = isConfirmed
    this.#records = nodeRecords(ports, { clock })
  }

  /**
   * `undefined` when nothing is left. `refuse` is called for the sighting as a whole, or for a part that is left out. Only a
   * signature is waited for.
   */
  check (said: unknown, origin: Origin, refuse: (refusal: Refusal) => void): Checked | undefined | Promise<Checked | undefined> {
    let sighting: Sighting
    try {
      sighting = soundSighting(said)
    } catch (error) {
      refuse({ reason: 'malformed', detail: safeText(toError(error).message) })
      return undefined
    }
    if (sighting.kind === 'endpoint') {
      return this.#endpoint(sighting, refuse)
    }
    const { peerId } = sighting
    if (this.#self.equals(peerId)) {
      refuse({ reason: 'own-id' })
      return undefined
    }
    const by = sighting.reporter?.peer
    // Before anything costs us: neither of nor by those whom the user does not want.
    if (!this.#access.isWelcome(peerId) || (by != null && !this.#access.isWelcome(by))) {
      refuse({ reason: 'denied', peerId })
      return undefined
    }
    const refuseOfPeer = (refusal: Refusal): void => refuse({ ...refusal, peerId })
    return sighting.kind === 'claim' ? this.#claim(sighting, origin, refuseOfPeer) : this.#withdrawal(sighting, origin, refuseOfPeer)
  }

  #claim (claim: Claim, origin: Origin, refuse: (refusal: Refusal) => void): Checked | undefined | Promise<Checked | undefined> {
    const { ttl, signedPeerRecord } = claim
    if (!(ttl > 0)) {
      refuse({ reason: 'bad-ttl', detail: safeText(ttl) })
      return undefined
    }
    // Stamped when it was said: a signature takes time to check, and a goodbye may overtake it.
    const observedAt = this.stamp()
    const evidence = (record?: VerifiedRecord): Checked | undefined => this.#evidence(claim, record, { origin, observedAt, refuse })
    return signedPeerRecord == null ? evidence() : this.#record(claim, signedPeerRecord, refuse).then(evidence)
  }

  #evidence (
    claim: Claim, record: VerifiedRecord | undefined, { origin, observedAt, refuse }: { origin: Origin, observedAt: number, refuse: (refusal: Refusal) => void }
  ): Checked | undefined {
    const { peerId, reporter, protocols, metadata } = claim
    const from = reporterScope(reporter)
    const multiaddrs = this.#addresses(claim, from, record, refuse)
    if (multiaddrs.length === 0) {
      refuse({ reason: 'no-address' })
      return undefined
    }
    return {
      kind: 'evidence',
      sighting: claim,
      evidence: {
        peerId, multiaddrs, source: sourceOf(origin, reporter, from), observedAt, expiresAt: observedAt + this.#lifetime(claim, from, record), record, protocols,
        metadata
      }
    }
  }

  #endpoint (endpoint: Endpoint, refuse: (refusal: Refusal) => void): Checked | undefined {
    const { multiaddr, ttl, reporter } = endpoint
    const from = reporterScope(reporter)
    if (!(ttl > 0)) refuse({ reason: 'bad-ttl', detail: safeText(ttl) })
    else if (!isShort(multiaddr, refuse)) return undefined
    else if (!mayReport(from, addressScope(multiaddr))) {
      refuse({ reason: 'address-scope', detail: `${safeText(multiaddr)} (${addressScope(multiaddr)}) from a ${from} source` })
    } else return { kind: 'endpoint', sighting: endpoint }
    return undefined
  }

  #withdrawal (withdrawal: Withdrawal, origin: Origin, refuse: (refusal: Refusal) => void): Checked {
    const { peerId, multiaddrs, reporter } = withdrawal
    return {
      kind: 'withdraw',
      sighting: withdrawal,
      peerId,
      source: sourceOf(origin, reporter),
      at: this.stamp(),
      multiaddrs: multiaddrs?.slice(0, limits.addressesPerClaim).filter(address => isShort(address, refuse)).map(withoutPeer)
    }
  }

  /** The signed record of a claim. Without a sound one the claim stands as an unsigned one. */
  async #record ({ peerId, reporter }: Claim, signed: Uint8Array, refuse: (refusal: Refusal) => void): Promise<VerifiedRecord | undefined> {
    const by = reporter?.peer?.toString() ?? reporter?.remoteAddr?.toString() ?? reporter?.domain
    const opened = await openPeerRecord(signed, { cache: this.#records.cache, rate: this.#records.rate, reporter: by })
    const refused = 'refused' in opened ? opened.refused : opened.record.peerId.equals(peerId) ? undefined : 'of another peer'
    if (refused != null) refuse({ reason: 'bad-record', detail: refused })
    return refused == null && 'record' in opened ? opened.record : undefined
  }

  /** What is signed is still only believed of whom it may be believed: a record travels anywhere. */
  #addresses (
    { peerId, multiaddrs }: Claim, from: ReporterScope, record: VerifiedRecord | undefined, refuse: (refusal: Refusal) => void
  ): Multiaddr[] {
    const result = new Map<string, Multiaddr>()
    for (const multiaddr of [...record?.addresses ?? [], ...multiaddrs.slice(0, limits.addressesPerClaim)]) {
      // What was signed is mostly said beside it, too.
      if (!isShort(multiaddr, refuse) || result.has(multiaddr.toString())) continue
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

  /**
   * Hearsay is believed for no longer than the peer timeout, whatever it says. What the user named, what the peer signed and
   * whom we met ourselves stands as long as it is said to.
   */
  #lifetime ({ peerId, ttl }: Claim, from: ReporterScope, record: VerifiedRecord | undefined): number {
    const isHearsay = ttl > this.#peerTimeout && from !== 'configured' && record == null && !this.#isConfirmed(peerId)
    return clampTtl(isHearsay ? this.#peerTimeout : ttl)
  }

  /** Strictly increasing, so that a goodbye and an announcement of one millisecond keep their order. */
  stamp (): number {
    const now = this.#clock.now()
    // A clock that says NaN once must not spoil every stamp after it.
    this.#lastStamp = Number.isFinite(now) ? Math.max(now, this.#lastStamp + STAMP_STEP) : this.#lastStamp + STAMP_STEP
    return this.#lastStamp
  }
}

/** Size first: printing a hostile multiaddr costs more than refusing it. */
function isShort (multiaddr: Multiaddr, refuse: (refusal: Refusal) => void): boolean {
  const components = multiaddr.getComponents()
  const isFew = components.length <= limits.multiaddrComponents
  // No component is longer in bytes than in text, but for numbers and IP addresses; bytes are made when it takes them to tell.
  const most = components.reduce((sum, { value = '' }) => sum + COMPONENT_HEAD + Math.max(value.length, IPV6_BYTES), 0)
  const isShortEnough = isFew && (most <= limits.multiaddrBytes || multiaddr.bytes.length <= limits.multiaddrBytes)
  if (!isShortEnough) refuse({ reason: 'address-too-long' })
  return isShortEnough
}

/** The code of a protocol and the length of its value, each a varint. */
const COMPONENT_HEAD = 8
const IPV6_BYTES = 16
