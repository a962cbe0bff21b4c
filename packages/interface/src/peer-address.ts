/** What an address says about whom it leads to. */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'

/**
 * The peer at the far end, in its usual spelling, so that the same id written as a CID equals it; for a relayed address
 * the one behind the relay.
 */
export function targetPeer (address: Multiaddr): string | undefined {
  const components = address.getComponents()
  const circuit = components.findLastIndex(({ name }) => name === 'p2p-circuit')
  const id = components.slice(circuit + 1).findLast(({ name }) => name === 'p2p')?.value
  if (id == null) return undefined
  try {
    return peerIdFromString(id).toString()
  } catch {
    return id // of a key type that nobody here speaks: it is its own spelling
  }
}

/** The address as text, without the peer at its end. */
export function endpointOf (address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '')
}

/** The address without the peer at its end, however that is spelled; the address itself when it ends in none. */
export function withoutPeer (address: Multiaddr): Multiaddr {
  const components = address.getComponents()
  return components.at(-1)?.name === 'p2p' ? multiaddr(components.slice(0, -1)) : address
}

/** The address with this peer at its end, and no other. By components: the text of a stranger's address may read as another one. */
export function withPeer (address: Multiaddr, peer: PeerId | string): Multiaddr {
  return withoutPeer(address).encapsulate(`/p2p/${peer}`)
}

/** Port of the first of `addresses` over this transport. */
export function portOf (transport: 'tcp' | 'udp', addresses: readonly Multiaddr[]): number | undefined {
  for (const address of addresses) {
    const port = Number(address.getComponents().find(({ name }) => name === transport)?.value)
    if (port > 0) return port
  }
}
