/** Turns who said something into a ledger source with its quota group. */
import { addressScope, reporterScope, type Reporter, type ReporterScope, type Source } from '@peerweave/interface'
import type { Origin } from './origin.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

/** @param scope - of the reporter, from {@link reporterScope} */
export function sourceOf (origin: Origin, reporter: Reporter | undefined, scope: ReporterScope = reporterScope(reporter)): Source {
  const host = scope === 'public' && reporter?.remoteAddr != null ? publicHost(reporter.remoteAddr) : undefined
  return {
    path: origin.path,
    type: origin.type,
    group: quotaGroup(origin, reporter, scope, host),
    subgroup: quotaSubgroup(reporter, host),
    reporter: reporterName(reporter),
    isChosen: scope === 'configured'
  }
}

/**
 * Who shares one party's room: a public reporter with its IPv4 /16 or IPv6 /32, a private one with its interface, DNS
 * with its domain. Cheap to have many ids, dear to have many of these.
 */
function quotaGroup (origin: Origin, reporter: Reporter | undefined, scope: ReporterScope, host: Host | undefined): string {
  if (reporter?.domain != null) return `dns:${reporter.domain}`
  switch (scope) {
    case 'configured':
      return `configured:${origin.path}`
    case 'loopback':
    case 'link-local':
    case 'private':
      return `if:${reporter?.interface ?? 'unknown'}`
    default:
      if (reporter?.remoteAddr == null) return `unknown:${origin.path}`
      return host == null ? 'net:unknown' : `net:${prefix(host, 2)}`
  }
}

/**
 * Who shares room within a group: a public reporter with its IPv4 /24 or IPv6 /48, so that one house that floods does
 * not push out the others of its network. Elsewhere a group is one party already.
 */
function quotaSubgroup (reporter: Reporter | undefined, host: Host | undefined): string | undefined {
  return reporter?.domain != null || host == null ? undefined : `net:${prefix(host, 3)}`
}

interface Host {
  readonly ip: string
  readonly isV4: boolean
}

function publicHost (address: Multiaddr): Host | undefined {
  const host = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  if (host?.value == null || addressScope(address) === 'never') return undefined
  return { ip: host.value, isV4: host.name === 'ip4' }
}

/**
 * The first `count` numbers of an address: bytes of an IPv4 one, 16-bit groups of an IPv6 one as multiaddr prints it
 * (RFC 5952: `::` stands for two zeros or more, so the first three groups are never behind it).
 */
function prefix ({ ip, isV4 }: Host, count: number): string {
  if (isV4) return ip.split('.').slice(0, count).join('.')
  const [head = ''] = ip.split('::')
  const groups = head.split(':').filter(group => group !== '')
  return Array.from({ length: count }, (_, i) => groups[i] ?? '0').join(':')
}

/** Peer id, remote host or domain. Without a port: a source port changes with every connection. */
function reporterName (reporter: Reporter | undefined): string | undefined {
  if (reporter?.peer != null) return reporter.peer.toString()
  // A zone is our name for a link, the same for all who are on it.
  if (reporter?.remoteAddr != null) return reporter.remoteAddr.getComponents().find(({ name, value }) => name !== 'ip6zone' && value != null)?.value
  return reporter?.domain
}
