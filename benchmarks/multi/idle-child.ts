/**
 * A node in a process of its own that is connected to given addresses and does nothing: `node idle-child.ts with|without
 * SECONDS ADDRESS…`. With `multi`, which knows ten thousand peers besides, or without. Prints the share of a core that it
 * took, in percent.
 */
import { bootstrap } from '@peerweave/bootstrap'
import { gossip, gossipsubPreset } from '@peerweave/gossip'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { multi, type Multi } from '@peerweave/multi'
import { memoryPeerStore } from '@peerweave/peer-store'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { benchPeers, sighting } from '../peer-store/peers.ts'
import { until } from '../mechanisms/until.ts'

const PEERS = 10_000

const [side, seconds, ...addresses] = process.argv.slice(2)
const store = memoryPeerStore({ capacity: 2 * PEERS })
const node = await createLibp2p({
  ...peerweaveDefaults({
    transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()], connectionMonitor: { enabled: false }
  }, { allow: ['loopback'] }),
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  services: {
    identify: identify(),
    ping: ping(),
    pubsub: gossipsub(gossipsubPreset({ colocation: 'lan' })),
    ...side === 'with' && { discovery: multi({ mechanisms: [bootstrap({ list: addresses.slice(0, 1) }), gossip()], store }) }
  }
})
await Promise.all(addresses.map(async address => await node.dial(multiaddr(address))))
if (side === 'with') {
  // Good for as long as it takes: what runs out is another figure.
  for (const peer of benchPeers(PEERS)) await store.addPeer(sighting(peer, { ttl: 86_400_000 }))
  const { discovery } = node.services as unknown as { discovery: Multi }
  await until(() => discovery.store.size >= PEERS, 5_000)
}
// What begins when peers meet is over then: identify, first announcements and questions.
await new Promise(resolve => setTimeout(resolve, 60_000))
const connected = node.getPeers().length
const before = process.cpuUsage()
const begun = performance.now()
await new Promise(resolve => setTimeout(resolve, Number(seconds) * 1_000))
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ share: (user + system) / 10 / (performance.now() - begun), connected: Math.min(connected, node.getPeers().length), peers: store.size }))
process.exit(0)
