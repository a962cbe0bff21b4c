/** The node that looks: bootstrap and mDNS, woven by `multi`. Everything that the demo shows of peers comes from here. */
import { bootstrap, type Bootstrap } from '@peerweave/bootstrap'
import { mdns } from '@peerweave/mdns'
import { multi, type Multi } from '@peerweave/multi'
import { createLibp2p } from 'libp2p'
import { INTERVAL, TTL } from './constants.ts'
import { nodeOptions } from './node.ts'
import type { MechanismContext, MechanismFactory } from '@peerweave/interface'

export interface Observer {
  readonly peer: string
  readonly multi: Multi
  /** Tells the bootstrap mechanism of one more node. */
  list: (address: string) => void
  stop: () => Promise<void>
}

/** Listeners go on `multi` before anything starts, so that nothing is missed. */
export async function createObserver (listed: string[], mdnsPort: number | undefined, listen: (multi: Multi) => void): Promise<Observer> {
  let seeds: Bootstrap | undefined
  const mechanisms: MechanismFactory[] = [
    (context: MechanismContext) => seeds = bootstrap({ list: listed, ttl: TTL, maxPeers: 50 })(context)
  ]
  // It only listens: the other nodes are what the demo is about.
  if (mdnsPort != null) mechanisms.push(mdns({ port: mdnsPort, interfaces: ['127.0.0.1'], ttl: TTL, broadcast: false }))
  const options = nodeOptions()
  const node = await createLibp2p({
    ...options,
    start: false,
    services: { ...options.services, discovery: multi({ mechanisms, interval: INTERVAL }) }
  })
  listen(node.services.discovery)
  await node.start()
  return {
    peer: node.peerId.toString(),
    multi: node.services.discovery,
    list: address => seeds?.addNode(address),
    stop: async () => { await node.stop() }
  }
}
