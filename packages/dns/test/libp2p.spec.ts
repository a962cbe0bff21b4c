/** As a plain libp2p service, without `multi`: a real node, a real name server. */
import { createServer, type AddressInfo, type Server } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { dns } from '../src/index.ts'
import { startServer, whyNoServer, type NameServer } from './support/name-servers.ts'
import type { OutRecord } from '../src/write/wire.ts'
import type { Libp2p, PeerId, PeerInfo } from '@libp2p/interface'

const ZONE = 'example.test'

const reason = whyNoServer('knotd')
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
if (reason !== undefined) console.warn(`skipped: ${reason}`)

describe.skipIf(reason !== undefined)('dns as a libp2p service', () => {
  let server: NameServer
  let canary: Server
  let connections = 0
  let honest: PeerId
  let poisoned: PeerId
  let node: Libp2p | undefined

  beforeAll(async () => {
    [honest, poisoned] = await Promise.all([1, 2].map(async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519')))) as [PeerId, PeerId]
    canary = createServer(socket => {
      connections++
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => canary.once('listening', resolve))
    const { port } = canary.address() as AddressInfo
    const text = (name: string, ...strings: string[]): OutRecord => ({ name: `${name}.${ZONE}`, type: 'TXT', ttl: 30, strings: strings.map(string => Buffer.from(string)) })
    const srv = (target: string, port: number): OutRecord => ({ name: `_olocus._tcp.${ZONE}`, type: 'SRV', ttl: 30, priority: 0, weight: 0, port, target: `${target}.${ZONE}` })
    const host = (name: string, address: string): OutRecord => ({ name: `${name}.${ZONE}`, type: address.includes(':') ? 'AAAA' : 'A', ttl: 30, address })
    server = await startServer('knotd', {
      zone: ZONE,
      records: [
        srv('good', 4_001), host('good', '1.2.3.4'), text('_olocus-peer.good', `peer_id=${honest}`, 'protocol=/a/1'),
        // A zone that points home: this machine, the cloud's metadata, and this machine behind NAT64.
        srv('bad', port), host('bad', '127.0.0.1'), host('bad', '169.254.169.254'), host('bad', '64:ff9b::7f00:1'), text('_olocus-peer.bad', `peer_id=${poisoned}`),
        text('_dnsaddr', `dnsaddr=/ip4/127.0.0.1/tcp/${port}/p2p/${poisoned}`),
        text('_dnsaddr', `dnsaddr=/dns4/bad.${ZONE}/tcp/${port}/p2p/${poisoned}`)
      ]
    })
  })

  afterAll(async () => {
    await node?.stop()
    await server?.close()
    canary?.close()
  })

  it('tells libp2p of the peers in the zone, by address and never by name, and connects to nothing that points home', async () => {
    node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      start: false,
      services: { identify: identify(), zones: dns({ domains: [ZONE], service: '_olocus._tcp', servers: [server.address] }) }
    })
    const found: PeerInfo[] = []
    node.addEventListener('peer:discovery', ({ detail }) => found.push(detail))
    await node.start()
    await until(() => found.some(({ id }) => id.equals(honest)), 'found', 5_000)
    expect(found.find(({ id }) => id.equals(honest))?.multiaddrs.map(String)).toEqual(['/ip4/1.2.3.4/tcp/4001'])
    const { zones } = node.services as { zones: ReturnType<ReturnType<typeof dns>> }
    await until(() => zones.status().sightings >= 2, 'everything was read')
    expect(found.some(({ id }) => id.equals(poisoned))).toBe(false)
    await expect(node.dial(poisoned)).rejects.toThrow('no valid addresses')
    expect(connections).toBe(0)
  })
})
