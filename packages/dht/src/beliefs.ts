/** Which addresses of which peers this DHT may dial, and on whose word. */
import {
  addressScope, endpointOf, limits, mayReport, reporterScope, setLatest, withoutPeer, withPeer, type DropCounter, type Reporter
} from '@peerweave/interface'
import { MOST_READ } from './constants.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DialPolicy } from '@peerweave/libp2p'

export interface BeliefsInit {
  /** Of the node, when its options went through `peerweaveDefaults`: it must let through what we believe. */
  policy: DialPolicy | undefined
  /** Whether private addresses are used in this DHT at all. */
  isPublicOnly: boolean
  drop: DropCounter
}

export class Beliefs {
  readonly #init: BeliefsInit
  /** Addresses that are not public, as peer and endpoint. BOUNDED by `limits.dhtBelieved`: the one unheard for longest goes. */
  readonly #believed = new Set<string>()
  /** Of which peer an endpoint was last believed. BOUNDED as above. */
  readonly #owners = new Map<string, string>()
  /** Addresses that a peer said itself that it has, as peer and endpoint. BOUNDED as above. */
  readonly #said = new Set<string>()

  constructor (init: BeliefsInit) {
    this.#init = init
  }

  /** Those of `addresses` that the reporter may report, and that may be dialled from now on; at most `limits.addressesPerDial`. */
  believe (peer: PeerId, addresses: readonly Multiaddr[], reporter: Reporter): Multiaddr[] {
    const { policy, isPublicOnly, drop } = this.#init
    const from = reporterScope(reporter)
    const believed: Multiaddr[] = []
    for (const address of addresses.slice(0, MOST_READ)) {
      if (believed.some(known => known.equals(withoutPeer(address)))) continue
      if (believed.length === limits.addressesPerDial) {
        drop('too-many-addresses')
        break
      }
      const scope = addressScope(address)
      if (address.bytes.byteLength > limits.multiaddrBytes) drop('address-too-long')
      else if (!mayReport(from, scope)) drop('address-not-theirs')
      else if (isPublicOnly && scope !== 'public' && scope !== 'name') drop('address-not-public')
      else believed.push(withoutPeer(address))
    }
    for (const address of believed) {
      if (reporter.peer?.equals(peer) === true) add(this.#said, keyOf(peer, address))
      const scope = addressScope(address)
      // The gate is open for public ones anyway, and a name is judged by what it resolves to: vetted, it would open the
      // gate to whatever its owner lets it resolve to.
      if (scope === 'public' || scope === 'name') continue
      policy?.vet(address, peer)
      this.#remember(peer, address)
    }
    return believed
  }

  /** Whether an address that stands in the peer store, wherever it came from, may be dialled for the DHT. */
  mayDial (peer: PeerId, address: Multiaddr): boolean {
    const scope = addressScope(address)
    if (scope === 'public' || scope === 'name') return true
    if (scope === 'never' || this.#init.isPublicOnly) return false
    return this.#believed.has(keyOf(peer, address)) || this.#init.policy?.permits(address, peer) === true
  }

  /** Whether the peer said so itself, on a connection of its own: others can name us addresses of anybody, and without end. */
  isTheirs (peer: PeerId, address: Multiaddr): boolean {
    return this.#said.has(keyOf(peer, address))
  }

  /** The address with the peer of whom it is believed, which is how the gater knows it. */
  named (address: Multiaddr): Multiaddr {
    const endpoint = endpointOf(withoutPeer(address))
    const owner = this.#owners.get(endpoint)
    return owner == null ? address : withPeer(address, owner)
  }

  #remember (peer: PeerId, address: Multiaddr): void {
    const endpoint = endpointOf(withoutPeer(address))
    add(this.#believed, keyOf(peer, address))
    setLatest(this.#owners, endpoint, peer.toString(), limits.dhtBelieved)
  }
}

/** As the latest one. */
function add (collection: Set<string>, key: string): void {
  collection.delete(key)
  collection.add(key)
  for (const oldest of collection) {
    if (collection.size <= limits.dhtBelieved) break
    collection.delete(oldest)
  }
}

function keyOf (peer: PeerId, address: Multiaddr): string {
  return `${peer} ${endpointOf(withoutPeer(address))}`
}
