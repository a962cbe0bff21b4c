/** Run inside a network namespace: our mechanism and `@libp2p/mdns` on the standard port. Prints what each saw as JSON. */
import { mdns as libp2pMdns } from '@libp2p/mdns'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { until } from '../../../test/support/until.ts'
import { claimsOf, createPeer, createPeerId } from './support.ts'
import type { MulticastDNSComponents } from '@libp2p/mdns'

const ourAddresses = Array.from({ length: 20 }, (_, i) => `/ip4/127.0.0.1/tcp/${4_001 + i}`)
const lastAddress = '/ip4/127.0.0.1/tcp/9999'
const theirAddresses = ['/ip4/127.0.0.1/tcp/5001', '/ip4/127.0.0.1/udp/5001/quic-v1']

const theirId = await createPeerId()
const they = libp2pMdns({ interval: 500 })({
  addressManager: { getAddresses: () => theirAddresses.map(address => multiaddr(`${address}/p2p/${theirId}`)) },
  logger: defaultLogger()
} as unknown as MulticastDNSComponents)
const found: Array<{ id: string, addresses: string[] }> = []
they.addEventListener('peer', ({ detail }) => found.push({ id: String(detail.id), addresses: detail.multiaddrs.map(String) }))

// No options: the standard port, and the only interface there is.
const we = await createPeer({}, ...ourAddresses)
// @libp2p/mdns is a Startable, its type does not say so.
const startable = they as unknown as { start: () => Promise<void>, stop: () => Promise<void> }

const foundOfUs = (): string[] => [...new Set(found.filter(({ id }) => id === String(we.id)).flatMap(({ addresses }) => addresses))]
const timesFound = (): number => found.filter(({ id }) => id === String(we.id)).length
await startable.start()
await we.mechanism.start()
await until(() => foundOfUs().length === ourAddresses.length && claimsOf(we.events, theirId).length > 0, 'both found', 10_000)
await we.mechanism.announceSelf?.({ peerId: we.id, multiaddrs: [multiaddr(lastAddress)] })
await until(() => foundOfUs().includes(lastAddress), 'announced anew', 5_000)
// We speak once a second at the most, so that nothing but the goodbye is on its way now …
const atGoodbye = timesFound()
await we.mechanism.withdrawSelf?.()
// … and once it has found who came after, it has read the goodbye.
const witness = await createPeer({}, '/ip4/127.0.0.1/tcp/6001')
await witness.mechanism.start()
await until(() => found.some(({ id }) => id === String(witness.id)), 'the witness was found')

console.log(JSON.stringify({
  ourAddresses,
  theyFoundUs: foundOfUs().filter(address => address !== lastAddress),
  theirAddresses,
  weFoundThem: claimsOf(we.events, theirId)[0]?.multiaddrs.map(String),
  theirTtl: claimsOf(we.events, theirId)[0]?.ttl,
  foundByGoodbye: timesFound() - atGoodbye,
  dropped: we.mechanism.status().dropped
}))
await we.leave()
await witness.leave()
await startable.stop()
