/** The peers that the TXT records of one name speak of. */
import { limits, type DropCounter } from '@peerweave/interface'
import { readDnsText, type DnsText } from './dns-text.ts'
import type { PeerId } from '@libp2p/interface'
import type { RecordOf } from '../resolver/answer-step.ts'

export type NamedText = DnsText & { peerId: PeerId }

export interface PeerTexts {
  /** Each once. */
  readonly peers: readonly NamedText[]
  /** Of the texts that name no peer, when nothing names one. Absent when there is none. */
  readonly nameless?: DnsText | undefined
  /** One was refused: who is at the address that they are about is not to be guessed. */
  readonly isRefused: boolean
}

/**
 * Each record is one peer, and several of the same peer are joined. Where only one peer is named, a record that names none
 * is about that one too: zones are written with one string a record. Where several are, it is nobody's, `no-peer-id`.
 *
 * Counts that, `too-many-texts`, and what {@link readDnsText} counts.
 *
 * @param wall - wall-clock ms
 */
export function readPeerTexts (records: ReadonlyArray<RecordOf<'TXT'>>, wall: number, drop: DropCounter): PeerTexts {
  for (let i = limits.dnsTexts; i < records.length; i++) drop('too-many-texts')
  const faults = { left: limits.addressesPerClaim }
  const peers = new Map<string, NamedText>()
  const nameless: DnsText[] = []
  let isRefused = false
  for (const { strings } of records.slice(0, limits.dnsTexts)) {
    const text = readDnsText(strings, wall, drop, faults)
    if (text == null) {
      isRefused = true
    } else if (text.peerId == null) {
      nameless.push(text)
    } else {
      const id = text.peerId.toString()
      const known = peers.get(id)
      peers.set(id, known == null ? { ...text, peerId: text.peerId } : { ...joined(known, text), peerId: known.peerId })
    }
  }
  const [only, ...others] = peers.values()
  if (only == null) return { peers: [], nameless: nameless.length > 0 ? nameless.reduce(joined) : undefined, isRefused }
  if (others.length > 0 || isRefused) {
    for (const text of nameless) {
      if (text.addresses.length > 0 || text.record != null) drop('no-peer-id')
    }
    return { peers: [only, ...others], isRefused }
  }
  return { peers: [{ ...nameless.reduce(joined, only), peerId: only.peerId }], isRefused }
}

/** What comes first counts where only one can. */
function joined (one: DnsText, other: DnsText): DnsText {
  const addresses = new Map([...one.addresses, ...other.addresses].map(address => [address.toString(), address]))
  const record = one.record ?? other.record
  return {
    addresses: [...addresses.values()].slice(0, limits.addressesPerClaim),
    protocols: [...new Set([...one.protocols, ...other.protocols])].slice(0, limits.protocolsPerPeer),
    entries: new Map([...other.entries, ...one.entries].slice(-limits.metadataKeys)),
    ...(record != null && { record }),
    ttl: Math.min(one.ttl, other.ttl)
  }
}
