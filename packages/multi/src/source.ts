/** Turns who said something into a ledger source with its quota group. */
import { addressScope, reporterScope, type Reporter, type Source } from '@peerweave/interface'
import type { Origin } from './origin.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

export function sourceOf (origin: Origin, reporter: Reporter | undefined): Source {
  return {
    ...origin, group: quotaGroup(origin, reporter), reporter: reporterName(reporter), isChosen: reporterScope(reporter) === 'configured'
  }
}

/**
 * Who shares one party's room: a public reporter with its IPv4 /16 or IPv6 /32, a private one with its interface, DNS
 * with its domain. Cheap to have many ids, dear to have many of these.
 */
function quotaGroup (origin: Origin, reporter: Reporter | undefined): string {
  if (reporter?.domain != null) return `dns:${reporter.domain}`
  switch (reporterScope(reporter)) {
    case 'configured':
      return `configured:${origin.path}`
    case 'loopback':
    case 'link-local':
    case 'private':
      return `if:${reporter?.interface ?? 'unknown'}`
    default:
      return reporter?.remoteAddr == null ? `unknown:${origin.path}` : networkOf(reporter.remoteAddr)
  }
}

function networkOf (address: Multiaddr): string {
  const host = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  if (host?.value == null || addressScope(address) === 'never') return 'net:unknown'
  return host.name === 'ip4' ? `net:${host.value.split('.').slice(0, 2).join('.')}` : `net:${firstGroups(host.value)}`
}

/** The /32 of an IPv6 address as multiaddr prints it (RFC 5952: `::` stands for zeros). */
function firstGroups (ip: string): string {
  const [head = ''] = ip.split('::')
  const groups = head.split(':').filter(group => group !== '')
  return `${groups[0] ?? '0'}:${groups[1] ?? '0'}`
}

/** Peer id, remote host or domain. Without a port: a source port changes with every connection. */
function reporterName (reporter: Reporter | undefined): string | undefined {
  if (reporter?.peer != null) return reporter.peer.toString()
  if (reporter?.remoteAddr != null) return reporter.remoteAddr.getComponents().find(({ value }) => value != null)?.value
  return reporter?.domain
}
