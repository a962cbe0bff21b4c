/** Which of our addresses are anybody's business on a link. */
import { addressScope } from '@peerweave/interface'
import { CODE_IP6ZONE, CODE_P2P, CODE_P2P_CIRCUIT, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { isLinkLocal6, zoneOf, type Link } from './links.ts'
import { withoutZone } from './zones.ts'
import type { PeerId } from '@libp2p/interface'

type Place = Pick<Link, 'name' | 'index' | 'addresses' | 'isLoopback'>

/**
 * Those of `addresses` that can be reached on `link`, each ending in `/p2p/self`: on the loopback interface the loopback
 * ones; elsewhere private and link-local ones, and the interface's own whatever its scope. What we are called on the
 * internet stays untold: it would tie the two together for everyone on the link. So does the way by a relay, which
 * whoever is on the link does not need.
 *
 * An IPv6 zone (RFC 4007 §11) is left out: it is our name for the link, and others have their own.
 *
 * @param otherLocal - literals of this machine's other interfaces, which nobody on this link need be able to reach
 */
export function addressesFor (link: Place, self: PeerId, addresses: readonly Multiaddr[], otherLocal: ReadonlySet<string>): Multiaddr[] {
  const id = self.toString()
  const told = new Map<string, Multiaddr>()
  for (const address of addresses) {
    if (!isReachable(link, address, otherLocal)) continue
    const bare = withoutZone(address)
    const last = bare.getComponents().at(-1)
    const whole = last?.code === CODE_P2P && last.value === id ? bare : bare.encapsulate(`/p2p/${id}`)
    told.set(whole.toString(), whole)
  }
  return [...told.values()]
}

function isReachable (link: Place, address: Multiaddr, otherLocal: ReadonlySet<string>): boolean {
  const [zone] = address.getComponents()
  const bare = withoutZone(address)
  const components = bare.getComponents()
  if (components.some(({ code }) => code === CODE_P2P_CIRCUIT)) return false
  const literal = components[0]?.value ?? ''
  const isOwn = link.addresses.includes(literal)
  if (isLinkLocal6(literal)) {
    // Without a zone it has no scope; but which link ours is on, we know.
    const isHere = isOwn && (zone?.code !== CODE_IP6ZONE || zone.value === zoneOf(link))
    return isHere && addressScope(multiaddr('/ip6zone/0').encapsulate(bare)) === 'link-local'
  }
  const scope = addressScope(bare)
  if (link.isLoopback) return scope === 'loopback'
  if (scope === 'public') return isOwn
  return (scope === 'private' || scope === 'link-local') && (isOwn || !otherLocal.has(literal))
}
