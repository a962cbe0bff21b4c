/** Addresses that mean something on one link only. A zone is a machine's own name for a link. RFC 4007 §11. */
import { CODE_IP6, CODE_IP6ZONE, multiaddr } from '@multiformats/multiaddr'
import { isLinkLocal6, zoneOf, type Link } from './links.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

/** As it is told to others, who have zones of their own. */
export function withoutZone (address: Multiaddr): Multiaddr {
  const [first, ...rest] = address.getComponents()
  return first?.code === CODE_IP6ZONE ? multiaddr(rest) : address
}

/** As it is meant when it was heard on `link`: a link-local one is of that link, whatever zone it came with. */
export function onLink (link: Pick<Link, 'name' | 'index'>, address: Multiaddr): Multiaddr {
  const bare = withoutZone(address)
  const [first] = bare.getComponents()
  return first?.code === CODE_IP6 && isLinkLocal6(first.value ?? '') ? multiaddr(`/ip6zone/${zoneOf(link)}`).encapsulate(bare) : bare
}
