/** Which of our addresses are anybody's business on a link. */
import { addressScope } from '@peerweave/interface'
import { CODE_P2P } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Link } from './network.ts'

/**
 * Those of `addresses` that can be reached on `link`, each ending in `/p2p/self`: on the loopback interface the loopback
 * ones; elsewhere private and link-local ones, and the interface's own whatever its scope. What we are called on the
 * internet stays untold: it would tie the two together for everyone on the link.
 */
export function addressesFor (link: Link, self: PeerId, addresses: readonly Multiaddr[]): Multiaddr[] {
  const id = self.toString()
  return addresses.filter(address => isReachable(link, address)).map(address => {
    const last = address.getComponents().at(-1)
    return last?.code === CODE_P2P && last.value === id ? address : address.encapsulate(`/p2p/${id}`)
  })
}

function isReachable (link: Link, address: Multiaddr): boolean {
  const scope = addressScope(address)
  if (link.isLoopback) return scope === 'loopback'
  return scope === 'private' || scope === 'link-local' || (scope === 'public' && address.getComponents()[0]?.value === link.address)
}
