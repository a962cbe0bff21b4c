/** On another host: strangers who tell whoever listens to them of addresses that they have no business to tell of. */
import { createSocket, type Socket } from 'node:dgram'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { gossipsub, type GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { gossipsubPreset } from '@peerweave/gossip'
import { limits, names } from '@peerweave/interface'
import { portsFrom, type NodeComponents } from '@peerweave/libp2p'
import { keySigner, sealPeerRecord } from '@peerweave/records'
import dns2 from 'dns2'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { frame, MESSAGE } from '../../packages/dht/test/support/kad-wire.ts'
import { decodeRequest, encodeAnswer, type Entry } from '../../packages/exchange/src/message.ts'
import { encodeAnnouncement } from '../../packages/gossip/src/message.ts'
import { records, response } from '../../packages/mdns/test/support.ts'
import { serve } from '../../packages/mdns/test/realnet/serve.ts'
import { hostsBehind, KINDS, nameOf, portOf, toldBy, VECTORS, ZONE, type Kind, type SourceName, type Told } from './forbidden-vectors.ts'
import { peerKey } from './peers.ts'
import type { Libp2p, PeerId, PrivateKey } from '@libp2p/interface'

const { Packet } = dns2
const { protocols, topics } = names()
/** Of the app's own DHT. */
const APP_KAD = '/app/kad/1.0.0'

const cleanups: Array<() => unknown> = []

async function node (address: string, services: Libp2pOptions['services'] = {}, announced: readonly string[] = []): Promise<Libp2p> {
  const made = await createLibp2p({
    addresses: { listen: [`/ip4/${address}/tcp/4001`], appendAnnounce: [...announced] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify(), ping: ping(), ...services }
  })
  cleanups.push(() => made.stop())
  return made
}

async function sealed ({ number, addresses }: Told): Promise<Uint8Array> {
  return await sealPeerRecord({ signer: keySigner(await peerKey(number)), multiaddrs: addresses.map(address => multiaddr(address)), seq: 1n })
}

/** Answers every question of the exchange with these. */
function lying (told: readonly Told[]): (components: NodeComponents) => object {
  return components => ({
    async start () {
      const entries: Entry[] = await Promise.all(told.map(async peer => ({ record: await sealed(peer), ttl: 600_000, hops: 1 })))
      const ports = portsFrom(components)
      await ports.start()
      let page = 0
      await ports.rpc.handle(protocols.exchange, async body => {
        const { id, want } = decodeRequest(body) ?? { id: new Uint8Array(), want: undefined }
        if (want == null) return encodeAnswer({ id, entries: [], hasMore: false, wait: 0 })
        const pages = Math.ceil(entries.length / 16)
        const at = page++ % pages
        return encodeAnswer({ id, entries: entries.slice(at * 16, (at + 1) * 16), hasMore: at < pages - 1, wait: 0 })
      }, { maxRequest: 8_192, timeout: 5_000 })
    },
    stop: async () => await portsFrom(components).stop()
  })
}

/** Knows everybody, whoever is asked for. */
async function speakKad (libp2p: Libp2p, protocol: string, told: readonly Told[]): Promise<void> {
  const peers = told.map(({ peerId, addresses }) => ({ id: peerId, multiaddrs: addresses.map(address => multiaddr(address)) }))
  await libp2p.handle(protocol, stream => {
    stream.addEventListener('message', ({ data }) => {
      const bytes = data.subarray()
      // The length, the tag of the type, the type.
      const type = bytes[(bytes.findIndex(byte => byte < 0x80) + 2)] ?? MESSAGE.FIND_NODE
      if (type === MESSAGE.PING) stream.send(frame({ type }))
      else if (type !== MESSAGE.ADD_PROVIDER) {
        stream.send(frame({ type, closer: peers, ...(type === MESSAGE.GET_PROVIDERS && { providers: peers }) }))
      }
    })
    stream.addEventListener('remoteCloseWrite', () => { stream.close().catch(() => {}) })
  }, { maxInboundStreams: 1_000 })
}

// — DNS —

/** Of a name that changes its mind, how often it was asked for. */
const answered = new Map<string, number>()
let zone = new Map<string, string[]>()

interface Question { readonly name: string, readonly type: number }

function addressRecords ({ name, type }: Question): object[] {
  const behind = hostsBehind(name.toLowerCase())
  if (behind == null || type !== (behind.isIp6 ? Packet.TYPE.AAAA : Packet.TYPE.A)) return []
  const { kind, forbidden, decoy } = behind
  const count = answered.get(name) ?? 0
  answered.set(name, count + 1)
  const given = kind === 'mixed' ? [decoy, forbidden] : kind === 'flip' && count % 2 === 0 ? [decoy] : [forbidden]
  return given.map(address => ({ name, type, class: Packet.CLASS.IN, ttl: 0, address: spelt(address) }))
}

/** In groups of hexadecimal digits only, as every encoder takes it. */
function spelt (ip: string): string {
  if (!ip.includes(':')) return ip
  const bytes = multiaddr(`/ip6/${ip}`).bytes.slice(1)
  return Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] as number) << 8 | (bytes[2 * i + 1] as number)).toString(16)).join(':')
}

function recordsOf (question: Question): object[] {
  const { name, type } = question
  const own = { name, type, class: Packet.CLASS.IN, ttl: 0 }
  if (type === Packet.TYPE.TXT) return (zone.get(name.toLowerCase()) ?? []).map(data => ({ ...own, data }))
  if (type === Packet.TYPE.SRV && name.toLowerCase() === `_evil._tcp.${ZONE}`) {
    // As many as are read.
    return VECTORS.slice(0, limits.dnsSrv).map((_, i) => {
      return { ...own, priority: 0, weight: 0, port: portOf('srv'), target: nameOf(KINDS[i % KINDS.length] as Kind, 'srv', i) }
    })
  }
  return addressRecords(question)
}

async function startDns (address: string): Promise<void> {
  const answer = (isUdp: boolean) => (request: InstanceType<typeof Packet>, send: (response: InstanceType<typeof Packet>) => void) => {
    const reply = Packet.createResponseFromRequest(request)
    const found = (request.questions as unknown as Question[]).flatMap(recordsOf)
    if (isUdp && found.length > 8) Object.assign(reply.header, { tc: 1 })
    else reply.answers.push(...found as never[])
    send(reply)
  }
  const [udp, tcp] = [dns2.createUDPServer(answer(true)), dns2.createTCPServer(answer(false))]
  await udp.listen(53, address)
  await new Promise<void>(resolve => { tcp.listen(53, address, resolve) })
}

// — mDNS —

async function sender (address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  await new Promise<void>(resolve => { socket.bind(5_353, address, resolve) })
  socket.setMulticastInterface(address)
  socket.setMulticastTTL(255)
  return socket
}

async function sayOnLink (socket: Socket, told: readonly Told[]): Promise<void> {
  for (const { number, peerId, addresses } of told) {
    const packet = response(...records(`stranger${number}`, addresses.map(address => `${address}/p2p/${peerId}`)))
    await new Promise(resolve => { socket.send(packet, 5_353, '224.0.0.251', resolve) })
    await new Promise(resolve => { setTimeout(resolve, 60) }) // as fast as one source is listened to
  }
}

// — gossip —

/** gossipsub signs as whoever we say: that is what its author is. */
async function announce (pubsub: GossipSub, told: readonly Told[]): Promise<void> {
  for (const peer of told) {
    const privateKey: PrivateKey = await peerKey(peer.number)
    const author: PeerId = peer.peerId
    Object.assign(pubsub, { publishConfig: { type: 0, author, key: publicKeyToProtobuf(privateKey.publicKey), privateKey } })
    await pubsub.publish(topics.peers, encodeAnnouncement(await sealed(peer)))
  }
}

let gossiper: Libp2p | undefined
const senders: Array<[Socket, Told[]]> = []

serve({
  /**
   * @param hosts - public addresses of this host, one for each stranger; the first answers DNS
   * @param site - a private one
   * @returns addresses of the strangers' nodes
   */
  async start (hosts: string[], site: string, folder: string): Promise<string[]> {
    const told = async (source: SourceName): Promise<Told[]> => await toldBy(source, folder)
    const [forDns, forDht, forKad, forGossip, forBootstrap] = hosts as [string, string, string, string, string]
    await startDns(forDns)
    const zones = await told('dns')
    zone = new Map(zones.map((_, i) => [`_dnsaddr.z${i % 8}.${ZONE}`, [] as string[]]))
    for (const [i, { peerId, addresses }] of zones.entries()) {
      zone.get(`_dnsaddr.z${i % 8}.${ZONE}`)?.push(...addresses.map(address => `dnsaddr=${address}/p2p/${peerId}`))
    }
    const dht = await node(forDht)
    await speakKad(dht, protocols.kad, await told('dht'))
    // Of another node: two DHTs of one victim share a tag, and take a contact of one for a contact of the other.
    const kad = await node(forKad)
    await speakKad(kad, APP_KAD, await told('kad'))
    const ofGossip = await told('gossip')
    gossiper = await node(forGossip, { pubsub: gossipsub(gossipsubPreset({ colocation: 'lan' })), lies: lying(ofGossip) })
    ;(gossiper.services as unknown as { pubsub: GossipSub }).pubsub.subscribe(topics.peers)
    const identified = (await told('identify')).filter(({ what }) => what !== 'names').flatMap(({ addresses }) => addresses)
    const seed = await node(forBootstrap, { lies: lying(await told('bootstrap')) }, identified)
    senders.push([await sender(forDns), await told('mdns')], [await sender(site), await told('site')])
    const nodes: Array<[string, Libp2p]> = [[forDht, dht], [forKad, kad], [forGossip, gossiper], [forBootstrap, seed]]
    return nodes.map(([host, { peerId }]) => `/ip4/${host}/tcp/4001/p2p/${peerId}`)
  },
  /** Says everything that nobody asks for. */
  async say (folder: string): Promise<void> {
    await Promise.all([
      ...senders.map(([socket, told]) => sayOnLink(socket, told)),
      announce((gossiper!.services as unknown as { pubsub: GossipSub }).pubsub, await toldBy('gossip', folder))
    ])
  },
  subscribers: () => (gossiper!.services as unknown as { pubsub: GossipSub }).pubsub.getSubscribers(topics.peers).length,
  /** Their nodes go; DNS is still answered. */
  async hangUp (): Promise<void> {
    await Promise.all(cleanups.splice(0).map(cleanup => cleanup()))
  }
})
