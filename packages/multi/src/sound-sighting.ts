/**
 * A copy of what a mechanism said, checked to be what the type says. Every field is read once: what changes its answer,
 * or changes later, changes nothing here.
 */
import { isPeerId } from '@libp2p/interface'
import { isMultiaddr } from '@multiformats/multiaddr'
import { limits, show, type Claim, type Endpoint, type Reporter, type Sighting, type Withdrawal } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** @throws whatever the sighting throws; TypeError naming the field that is not what it should be */
export function soundSighting (said: unknown): Sighting {
  if (typeof said !== 'object' || said === null) throw new TypeError(`a sighting is an object, not ${show(said)}`)
  const { kind, peerId, multiaddr, multiaddrs, ttl, reporter, protocols, signedPeerRecord, metadata } = said as Record<string, unknown>
  switch (kind) {
    case 'claim':
      return {
        kind,
        peerId: soundId(peerId),
        multiaddrs: soundAddresses(multiaddrs),
        ttl: Number(ttl),
        reporter: soundReporter(reporter),
        protocols: protocols == null ? undefined : soundProtocols(protocols),
        signedPeerRecord: signedPeerRecord instanceof Uint8Array ? signedPeerRecord : undefined,
        metadata: metadata == null ? undefined : soundMetadata(metadata)
      } satisfies Claim
    case 'withdraw':
      return {
        kind,
        peerId: soundId(peerId),
        multiaddrs: multiaddrs == null ? undefined : soundAddresses(multiaddrs),
        reporter: soundReporter(reporter)
      } satisfies Withdrawal
    case 'endpoint':
      if (!isMultiaddr(multiaddr)) throw new TypeError('multiaddr is not a multiaddr')
      return { kind, multiaddr, ttl: Number(ttl), reporter: soundReporter(reporter) } satisfies Endpoint
    default:
      throw new TypeError(`kind ${show(kind)}`)
  }
}

function soundId (peerId: unknown): PeerId {
  // Said as text once, so that one that cannot is found here and not where it is used.
  if (!isPeerId(peerId) || typeof peerId.toString() !== 'string') throw new TypeError('peerId is not a peer id')
  return peerId
}

/** One more than is kept, so that the pipeline sees that there were too many. */
function soundAddresses (multiaddrs: unknown): Multiaddr[] {
  if (!Array.isArray(multiaddrs)) throw new TypeError('multiaddrs is not an array')
  const copy: unknown[] = multiaddrs.slice(0, limits.addressesPerClaim + 1)
  if (!copy.every(isMultiaddr)) throw new TypeError('multiaddrs holds something that is no multiaddr')
  return copy
}

function soundReporter (reporter: unknown): Reporter | undefined {
  if (typeof reporter !== 'object' || reporter === null) return undefined
  const { configured, peer, remoteAddr, interface: link, domain } = reporter as Record<string, unknown>
  return {
    configured: configured === true,
    peer: isPeerId(peer) ? peer : undefined,
    remoteAddr: isMultiaddr(remoteAddr) ? remoteAddr : undefined,
    interface: soundText(link),
    domain: soundText(domain)
  }
}

/** Longer than any DNS name (RFC 1035 §2.3.4): not one. */
const MAX_NAME = 255

function soundText (text: unknown): string | undefined {
  return typeof text === 'string' && text.length <= MAX_NAME ? text : undefined
}

function soundProtocols (protocols: unknown): string[] {
  if (!Array.isArray(protocols)) throw new TypeError('protocols is not an array')
  return protocols.slice(0, limits.protocolsPerPeer).filter(name => typeof name === 'string' && name.length <= limits.protocolBytes)
}

function soundMetadata (metadata: unknown): Map<string, string> {
  if (!(metadata instanceof Map)) throw new TypeError('metadata is not a Map')
  const result = new Map<string, string>()
  for (const [key, value] of metadata as Map<unknown, unknown>) {
    if (result.size === limits.metadataKeys) break
    if (typeof key !== 'string' || typeof value !== 'string') continue
    if (key.length <= limits.metadataKeyBytes && value.length <= limits.metadataValueBytes) result.set(key, value)
  }
  return result
}
