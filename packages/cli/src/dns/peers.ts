/** Peers as the command line names them. */
import { addressScope, show, targetPeer, withoutPeer, type SelfRecord } from '@peerweave/interface'
import { isForZone } from '@peerweave/dns'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { UsageError } from '../usage-error.ts'

/**
 * Several addresses of one id are one peer, in the given order.
 *
 * @param texts - multiaddrs that end in `/p2p/<id>`
 * @throws UsageError naming the address and what it lacks
 */
export function peersOf (texts: readonly string[]): SelfRecord[] {
  const peers = new Map<string, SelfRecord & { multiaddrs: Multiaddr[] }>()
  for (const text of texts) {
    const address = parse(text)
    const id = targetPeer(address)
    if (id === undefined || address.getComponents().at(-1)?.name !== 'p2p') {
      throw new UsageError(`${show(text)} does not end in /p2p/<peer id>: the zone could not say whose it is`)
    }
    const peer = peers.get(id) ?? { peerId: peerIdOf(id), multiaddrs: [] }
    peer.multiaddrs.push(withoutPeer(address))
    peers.set(id, peer)
  }
  return [...peers.values()]
}

/** Addresses that a zone does not get, each with the reason. */
export function leftOut (peers: readonly SelfRecord[], isPrivateMeant: boolean): string[] {
  return peers.flatMap(({ multiaddrs }) => multiaddrs.flatMap(address => {
    if (isForZone(address, isPrivateMeant)) return []
    const scope = addressScope(address)
    return [`left out: ${address}: ${scope === 'never' ? 'nobody can be reached there' : `${scope}, which --private puts in`}`]
  }))
}

function parse (text: string): Multiaddr {
  try {
    if (text !== '') return multiaddr(text)
  } catch {} // said below
  throw new UsageError(`${show(text)} is not a multiaddr, as /ip4/1.2.3.4/tcp/4001/p2p/<peer id>`)
}

function peerIdOf (id: string): SelfRecord['peerId'] {
  try {
    return peerIdFromString(id)
  } catch {
    throw new UsageError(`${show(id)} is not a peer id`)
  }
}
