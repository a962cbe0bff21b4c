/** A mechanism with a host of its own, not yet started. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { dns, type DnsOptions } from '../../src/index.ts'
import type { PeerId } from '@libp2p/interface'
import type { DiscoveryMechanism, HostEvents, MechanismContext } from '@peerweave/interface'

export async function createPeerId (): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

export interface Peer {
  id: PeerId
  mechanism: DiscoveryMechanism
  setAddresses: (...addresses: string[]) => void
  /** As libp2p stops a service: the goodbye first. */
  leave: () => Promise<void>
}

export async function createPeer (options: DnsOptions, ...addresses: string[]): Promise<Peer> {
  const id = await createPeerId()
  const events = new TypedEventEmitter<HostEvents>()
  let own = addresses.map(address => multiaddr(address))
  const context = { ports: { host: { self: id, addresses: () => own, events } }, logger: defaultLogger() } as unknown as MechanismContext
  const mechanism = dns(options)(context)
  return {
    id,
    mechanism,
    setAddresses (...changed) {
      own = changed.map(address => multiaddr(address))
      events.safeDispatchEvent<Multiaddr[]>('addresses', { detail: own })
    },
    async leave () {
      await mechanism.beforeStop?.()
      await mechanism.stop()
    }
  }
}
