/** Where on the network a peer is, as far as it is dear to be in many such places. */
import { addressScope } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface Place {
  /** An IPv4 /16, an IPv6 /32, an interface, a domain. */
  readonly group: string
  /** An IPv4 /24, an IPv6 /48, one address of a local network, one name. */
  readonly subgroup: string
}

/**
 * The place of a peer by the address at which a dial of ours reached it: the connection's remote address, which is a
 * literal; a name only where there is no other.
 *
 * - Public: by network. A relayed address counts for its relay, which is who could be many.
 * - Private, link-local and loopback: the group is the interface (the scope, where it is not known), the subgroup the
 *   address itself. By /24 a home network could hold no more than two tried peers.
 * - A name: the group is its last two labels, since whoever has a domain has all names under it. Too wide under a suffix
 *   like `co.uk`, where strangers then share a group's room; too wide costs room, too narrow would cost safety.
 *
 * @param networkInterface - the local interface of the connection, for addresses that are not public
 * @returns undefined for an address that no dial of ours may have reached (`addressScope` says `never`)
 */
export function placeOf (address: Multiaddr, networkInterface?: string): Place | undefined {
  const scope = addressScope(address)
  const host = address.getComponents().find(({ name }) => name !== 'ip6zone')
  if (scope === 'never' || host?.value == null) return undefined
  if (scope === 'name') {
    const name = host.value.toLowerCase().replace(/\.$/, '')
    return { group: `dns:${name.split('.').slice(-2).join('.')}`, subgroup: `dns:${name}` }
  }
  if (scope !== 'public') return { group: `if:${networkInterface ?? scope}`, subgroup: `ip:${host.value}` }
  const parts = host.name === 'ip4' ? host.value.split('.') : firstGroups(host.value)
  const separator = host.name === 'ip4' ? '.' : ':'
  return { group: `net:${parts.slice(0, 2).join(separator)}`, subgroup: `net:${parts.slice(0, 3).join(separator)}` }
}

/** The first three 16-bit groups of an IPv6 address in RFC 5952 form, where `::` stands for two zeros or more. */
function firstGroups (ip: string): string[] {
  const [head = ''] = ip.split('::')
  const groups = head.split(':').filter(group => group !== '')
  return [0, 1, 2].map(i => groups[i] ?? '0')
}
