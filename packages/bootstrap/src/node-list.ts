/** The bootstrap nodes by peer: what the user wrote, parsed and checked. */
import { addressScope, InvalidBootstrapNodeError, LimitExceededError, limits, show } from '@peerweave/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isMultiaddr, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'

export interface ListedNode {
  readonly peerId: PeerId
  /** With the peer id at the end; at most `limits.addressesPerDial`. */
  readonly addresses: Multiaddr[]
}

/** One address of one node. */
export interface NodeAddress {
  readonly peerId: PeerId
  readonly address: Multiaddr
}

/** @throws InvalidBootstrapNodeError naming the address and what it lacks */
export function parseNode (text: string | Multiaddr): NodeAddress {
  // `multiaddr` takes nothing at all for the empty address, and bytes for an encoded one.
  if (!isMultiaddr(text) && (typeof text !== 'string' || text === '')) {
    throw new InvalidBootstrapNodeError(`${show(text)} is not a multiaddr`)
  }
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch (error) {
    throw new InvalidBootstrapNodeError(`${show(text)} is not a multiaddr`, { cause: error })
  }
  const last = address.getComponents().at(-1)
  if (last?.name !== 'p2p' || last.value == null) {
    throw new InvalidBootstrapNodeError(`${show(text)} does not end in /p2p/<peer id>, so whoever answers there could not be told from the node`)
  }
  if (addressScope(address) === 'never') {
    throw new InvalidBootstrapNodeError(`${show(text)} is not an address that can be dialled`)
  }
  try {
    return { peerId: peerIdFromString(last.value), address }
  } catch (error) {
    throw new InvalidBootstrapNodeError(`${show(text)} ends in ${show(last.value)}, which is not a peer id`, { cause: error })
  }
}

/** Several addresses of one peer become one node. BOUNDED by `limits.bootstrapNodes`. */
export class NodeList<Node extends ListedNode> implements Iterable<Node> {
  readonly #nodes = new Map<string, Node>()
  readonly #make: (node: ListedNode) => Node

  constructor (make: (node: ListedNode) => Node) {
    this.#make = make
  }

  /** @throws LimitExceededError naming the address */
  add ({ peerId, address }: NodeAddress): Node {
    const id = peerId.toString()
    let node = this.#nodes.get(id)
    if (node == null) {
      if (this.#nodes.size >= limits.bootstrapNodes) {
        throw new LimitExceededError(`at most ${limits.bootstrapNodes} bootstrap nodes, ${show(address)} is one more`)
      }
      node = this.#make({ peerId, addresses: [] })
      this.#nodes.set(id, node)
    }
    const isKnown = node.addresses.some(known => known.equals(address))
    if (!isKnown && node.addresses.length >= limits.addressesPerDial) {
      throw new LimitExceededError(`at most ${limits.addressesPerDial} addresses of one bootstrap node, ${show(address)} is one more`)
    }
    if (!isKnown) node.addresses.push(address)
    return node
  }

  get (id: PeerId): Node | undefined {
    return this.#nodes.get(id.toString())
  }

  [Symbol.iterator] (): Iterator<Node> {
    return this.#nodes.values()
  }
}
