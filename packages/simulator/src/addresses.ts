/** Addresses laid out by /16, because a quota group is a /16 (DESIGN §5): who shares one shares room. */
import { numberOption, show } from '@peerweave/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/**
 * First octets from 11 to 99: all of it is plain public space (IANA's special-purpose registry), so an address policy
 * takes it for the internet. Documentation addresses would be refused. Nothing here is ever sent to.
 */
const FIRST = 11
const LAST = 99

/** How many /16 there are to lay out. */
export const GROUPS: number = (LAST - FIRST + 1) * 256

/** Hosts of one /16; `.0.0` is left out. */
export const HOSTS_PER_GROUP = 65_535

/**
 * @param group - 0 … {@link GROUPS} − 1
 * @param host - 1 … {@link HOSTS_PER_GROUP}
 * @returns `/ip4/<address>/tcp/4001`
 */
export function addressIn (group: number, host: number): Multiaddr {
  numberOption('group', group, 0, { max: GROUPS - 1, integer: true })
  numberOption('host', host, 1, { min: 1, max: HOSTS_PER_GROUP, integer: true })
  return multiaddr(`/ip4/${FIRST + (group >> 8)}.${group & 255}.${host >> 8}.${host & 255}/tcp/4001`)
}

/**
 * The /16 of an IPv4 multiaddr, such as `11.7.0.0/16`.
 *
 * @throws TypeError when it does not begin with /ip4
 */
export function groupOf (address: Multiaddr): string {
  const [first] = address.getComponents()
  if (first?.name !== 'ip4' || first.value == null) throw new TypeError(`${show(address.toString())} is not an IPv4 address`)
  return `${first.value.split('.', 2).join('.')}.0.0/16`
}
