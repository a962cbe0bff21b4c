/**
 * From sighting to evidence: stamp, bounds, address policy. Everything that is turned away has a reason, from a closed
 * set, and is counted; a mechanism that lies cannot make this throw.
 */
import { isPeerId } from '@libp2p/interface'
import { addressScope, clampTtl, limits, mayReport, reporterScope, safeText } from '@peerweave/interface'
import { sourceOf } from './source.ts'
import type { Claim, Clock, Evidence, Sighting, Source, Withdrawal } from '@peerweave/interface'
import type { Origin } from './origin.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export type RefusalReason =
  | 'malformed' | 'own-id' | 'bad-ttl' | 'wrong-peer' | 'address-too-long' | 'address-scope' | 'too-many-addresses' | 'no-address'
  | 'stale-evidence' | 'full' | 'queue-full' | 'endpoint'

/** Something turned away. `detail` is safe to show. */
export interface Refusal {
  reason: RefusalReason
  detail?: string | undefined
}

/** What is left of a sighting after checking. */
export type Checked =
  | { kind: 'evidence', evidence: Evidence }
  | { kind: 'withdraw', peerId: PeerId, source: Source, at: number, multiaddrs: Multiaddr[] | undefined }
  | { kind: 'nothing' }

/** The step by which one stamp is later than the last, ms: above the clock's resolution at any uptime. */
const STAMP_STEP = 2 ** -16

export class Pipeline {
  readonly #clock: Clock
  readonly #self: PeerId
  #lastStamp = -Infinity

  constructor (self: PeerId, clock: Clock) {
    this.#self = self
    this.#clock = clock
  }

  /** `refuse` is called for the sighting as a whole, or for a part of it that is left out. */
  check (sighting: Sighting, origin: Origin, refuse: (refusal: Refusal) => void): Checked {
    try {
      switch (sighting.kind) {
        case 'claim':
          return this.#claim(sighting, origin, refuse)
        case 'withdraw':
          return this.#withdrawal(sighting, origin, refuse)
        case 'endpoint':
          // Whose address it is can only be learnt by dialling it, which no policy here asks for.
          refuse({ reason: 'endpoint', detail: safeText(sighting.multiaddr) })
          return { kind: 'nothing' }
        default:
          refuse({ reason: 'malformed', detail: `kind ${safeText((sighting as { kind: unknown }).kind)}` })
          return { kind: 'nothing' }
      }
    } catch (error) {
      // A field that is not what the type says: the mechanism's fault, not the node's.
      refuse({ reason: 'malformed', detail: safeText(error instanceof Error ? error.message : error) })
      return { kind: 'nothing' }
    }
  }

  #claim (claim: Claim, origin: Origin, refuse: (refusal: Refusal) => void): Checked {
    if (!isPeerId(claim.peerId)) throw new TypeError('peerId is not a peer id')
    if (this.#self.equals(claim.peerId)) {
      refuse({ reason: 'own-id' })
      return { kind: 'nothing' }
    }
    if (!(claim.ttl > 0)) {
      refuse({ reason: 'bad-ttl', detail: safeText(claim.ttl) })
      return { kind: 'nothing' }
    }
    const multiaddrs = this.#addresses(claim, refuse)
    if (multiaddrs.length === 0) {
      refuse({ reason: 'no-address' })
      return { kind: 'nothing' }
    }
    const observedAt = this.#stamp()
    return {
      kind: 'evidence',
      evidence: {
        peerId: claim.peerId,
        multiaddrs,
        source: sourceOf(origin, claim.reporter),
        observedAt,
        expiresAt: observedAt + clampTtl(claim.ttl),
        protocols: protocols(claim),
        metadata: metadata(claim)
      }
    }
  }

  #withdrawal ({ peerId, multiaddrs, reporter }: Withdrawal, origin: Origin, refuse: (refusal: Refusal) => void): Checked {
    if (this.#self.equals(peerId)) {
      refuse({ reason: 'own-id' })
      return { kind: 'nothing' }
    }
    return {
      kind: 'withdraw',
      peerId,
      source: sourceOf(origin, reporter),
      at: this.#stamp(),
      multiaddrs: multiaddrs?.slice(0, limits.addressesPerClaim).map(multiaddr => withoutPeer(multiaddr))
    }
  }

  #addresses ({ peerId, multiaddrs, reporter }: Claim, refuse: (refusal: Refusal) => void): Multiaddr[] {
    const from = reporterScope(reporter)
    const result = new Map<string, Multiaddr>()
    for (const multiaddr of multiaddrs.slice(0, limits.addressesPerClaim)) {
      // Size first: printing a hostile multiaddr costs more than refusing it.
      if (multiaddr.bytes.length > limits.multiaddrBytes || multiaddr.getComponents().length > limits.multiaddrComponents) {
        refuse({ reason: 'address-too-long' })
        continue
      }
      const named = peerOf(multiaddr)
      if (named != null && named !== peerId.toString()) {
        refuse({ reason: 'wrong-peer', detail: safeText(multiaddr) })
      } else if (!mayReport(from, addressScope(multiaddr))) {
        refuse({ reason: 'address-scope', detail: `${safeText(multiaddr)} (${addressScope(multiaddr)}) from a ${from} source` })
      } else {
        const address = withoutPeer(multiaddr)
        result.set(address.toString(), address)
      }
    }
    if (multiaddrs.length > limits.addressesPerClaim) {
      refuse({ reason: 'too-many-addresses', detail: `${multiaddrs.length} addresses` })
    }
    return [...result.values()]
  }

  /** Strictly increasing, so that a goodbye and an announcement of one millisecond keep their order. */
  #stamp (): number {
    this.#lastStamp = Math.max(this.#clock.now(), this.#lastStamp + STAMP_STEP)
    return this.#lastStamp
  }
}

/** The peer id at the end of an address: of the target, not of a relay. */
function peerOf (multiaddr: Multiaddr): string | undefined {
  const last = multiaddr.getComponents().at(-1)
  return last?.name === 'p2p' ? last.value : undefined
}

/** Addresses are kept without the id at their end, so that the same one is not kept twice. */
function withoutPeer (multiaddr: Multiaddr): Multiaddr {
  const id = peerOf(multiaddr)
  return id == null ? multiaddr : multiaddr.decapsulateCode(P2P)
}

/** Multiaddr code of `/p2p` (multicodec table). */
const P2P = 0x01a5

function protocols (claim: Claim): string[] | undefined {
  return claim.protocols?.filter(name => typeof name === 'string' && name.length <= limits.protocolBytes).slice(0, limits.protocolsPerPeer)
}

function metadata (claim: Claim): Map<string, string> | undefined {
  if (claim.metadata == null) return undefined
  const result = new Map<string, string>()
  for (const [key, value] of claim.metadata) {
    if (result.size === limits.metadataKeys) break
    if (key.length <= limits.metadataKeyBytes && value.length <= limits.metadataValueBytes) result.set(key, value)
  }
  return result
}
