/** What a statement tells the outside. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Claim, Endpoint, Reporter, Withdrawal } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Statement, Tick } from './cache.ts'

/**
 * What is left of a statement, nothing once it has lapsed: a claim, or endpoints where it does not say whose they are.
 *
 * @param port - that mDNS runs on
 */
export function sightingsOf (statement: Statement, port: number, now: number): Array<Claim | Endpoint> {
  const { peerId, multiaddrs, ttl: whole, heardAt, source, protocols, record, metadata } = statement
  const ttl = Math.ceil(whole - (now - heardAt))
  if (ttl <= 0 || multiaddrs.size === 0) return []
  const reporter = reporterOf(statement, port)
  if (peerId == null) return [...multiaddrs.values()].map(address => ({ kind: 'endpoint', multiaddr: address, ttl, reporter }))
  // Where the packet came from is the one thing that its sender did not merely say: those addresses come first.
  const [sender] = source.split('%')
  const isVouchedFor = (address: Multiaddr): boolean => address.getComponents().find(({ name }) => name !== 'ip6zone')?.value === sender
  const [vouchedFor, others] = [[...multiaddrs.values()].filter(isVouchedFor), [...multiaddrs.values()].filter(address => !isVouchedFor(address))]
  return [{
    kind: 'claim',
    peerId,
    multiaddrs: [...vouchedFor, ...others],
    ttl,
    reporter,
    ...(protocols.length > 0 && { protocols: [...protocols] }),
    ...(record != null && { signedPeerRecord: record }),
    ...(metadata.size > 0 && { metadata })
  }]
}

/** Nothing for an endpoint, which lapses by its TTL. */
export function withdrawalOf ({ statement, multiaddrs, isGone }: Tick['withdrawn'][number], port: number): Withdrawal | undefined {
  const { peerId } = statement
  if (peerId == null || (!isGone && multiaddrs.length === 0)) return
  return { kind: 'withdraw', peerId, ...(isGone ? {} : { multiaddrs }), reporter: reporterOf(statement, port) }
}

function reporterOf ({ source, link }: Statement, port: number): Reporter {
  const [address, zone] = source.split('%')
  const host = link.family === 'IPv4' ? `/ip4/${address}` : `${zone == null ? '' : `/ip6zone/${zone}`}/ip6/${address}`
  return { remoteAddr: multiaddr(`${host}/udp/${port}`), interface: link.name }
}
