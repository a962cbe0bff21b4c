/** On a host of the LAN: the unchanged `@libp2p/mdns`. */
import { mdns } from '@libp2p/mdns'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { createPeerId } from '../support.ts'
import { serve, tell } from './serve.ts'
import type { MulticastDNSComponents } from '@libp2p/mdns'

/** A peer that it found. */
export interface Found {
  id: string
  addresses: string[]
}

serve({
  /** Starts it. @returns its id */
  async start (...addresses: string[]): Promise<string> {
    const id = await createPeerId()
    const service = mdns({ interval: 500 })({
      addressManager: { getAddresses: () => addresses.map(address => multiaddr(`${address}/p2p/${id}`)) },
      logger: defaultLogger()
    } as unknown as MulticastDNSComponents)
    service.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
      tell({ id: id.toString(), addresses: multiaddrs.map(String) } satisfies Found)
    })
    // It is a Startable, its type does not say so.
    await (service as unknown as { start: () => Promise<void> }).start()
    return id.toString()
  }
})
