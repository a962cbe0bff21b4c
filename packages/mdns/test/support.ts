/** What the tests share: identities, a host port and a link in memory. */
import { EventEmitter } from 'node:events'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { decode, encode, type DecodedPacket } from 'dns-packet'
import { TypedEventEmitter } from 'main-event'
import { mdns, type MdnsNetwork, type MdnsOptions, type MdnsSocket, type PacketSource } from '../src/index.ts'
import type { Link } from '../src/links.ts'
import type { PeerId } from '@libp2p/interface'
import type { Clock, DiscoveryMechanism, HostEvents, MechanismContext, Sighting } from '@peerweave/interface'
import type { Answer, Packet } from 'dns-packet'

export const SERVICE = '_p2p._udp.local'
/** Seen by RFC 6762: the group. */
export const GROUP = '224.0.0.251'

/** A link as the cache and the guard see it. */
export const LAN: Link = {
  key: 'eth0/IPv4',
  name: 'eth0',
  family: 'IPv4',
  address: '192.168.7.1',
  subnets: [{ address: '192.168.7.1', prefix: 24 }],
  addresses: ['192.168.7.1'],
  isLoopback: false
}

export async function createPeerId (): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

/** A port of its own for each test, so that tests at the same time do not hear each other. Never 5353. */
export function randomPort (): number {
  return 20_000 + crypto.getRandomValues(new Uint16Array(1))[0]! % 20_000
}

export interface Peer {
  id: PeerId
  mechanism: DiscoveryMechanism
  /** What it said unasked. */
  events: Sighting[]
  setAddresses: (...addresses: string[]) => void
  /** As an interface's change does it: nobody is told. */
  setAddressesSilently: (...addresses: string[]) => void
  /** As libp2p stops a service: the goodbye first. */
  leave: () => Promise<void>
}

/** A mechanism with a host of its own, not yet started. */
export async function createPeer ({ id: given, ...options }: MdnsOptions & { id?: PeerId }, ...addresses: string[]): Promise<Peer> {
  const id = given ?? await createPeerId()
  const events = new TypedEventEmitter<HostEvents>()
  let own = addresses.map(address => multiaddr(address))
  const context = {
    ports: { host: { self: id, addresses: () => own, events } },
    logger: defaultLogger()
  } as unknown as MechanismContext
  const mechanism = mdns(options)(context)
  const peer: Peer = {
    id,
    mechanism,
    events: [],
    setAddresses (...changed) {
      own = changed.map(address => multiaddr(address))
      events.safeDispatchEvent<Multiaddr[]>('addresses', { detail: own })
    },
    setAddressesSilently (...changed) {
      own = changed.map(address => multiaddr(address))
    },
    async leave () {
      await mechanism.beforeStop?.()
      await mechanism.stop()
    }
  }
  mechanism.addEventListener('sighting', ({ detail }) => peer.events.push(detail))
  return peer
}

export function claimsOf (sightings: Sighting[], id: PeerId): Array<Sighting & { kind: 'claim' }> {
  return sightings.filter(sighting => sighting.kind === 'claim').filter(({ peerId }) => peerId.equals(id))
}

export function withdrawalsOf (sightings: Sighting[], id: PeerId): Array<Sighting & { kind: 'withdraw' }> {
  return sightings.filter(sighting => sighting.kind === 'withdraw').filter(({ peerId }) => peerId.equals(id))
}

/** Answer records of the libp2p form. */
export function records (name: string, addresses: string[], { ttl = 120, service = SERVICE } = {}): Answer[] {
  return [
    { name: service, type: 'PTR', ttl, data: `${name}.${service}` },
    ...addresses.map((address): Answer => ({ name: `${name}.${service}`, type: 'TXT', ttl, data: `dnsaddr=${address}` }))
  ]
}

export function response (...answers: Answer[]): Buffer {
  return encode({ type: 'response', answers })
}

export function query (packet: Partial<Packet> = {}): Buffer {
  return encode({ type: 'query', questions: [{ name: SERVICE, type: 'PTR' }], ...packet })
}

export interface SeenPacket {
  at: number
  from: string
  /** Absent: to the group. */
  to?: string
  packet: DecodedPacket
}

/** A link in memory: every packet reaches every socket on the port, the sender's too, as multicast loopback does. */
export class MemoryLink {
  readonly seen: SeenPacket[] = []
  readonly #clock: Clock
  readonly #sockets = new Set<MemorySocket>()
  readonly #silent = new Set<string>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** The network of a machine with this address on the link, `/24`. */
  network (address: string): MdnsNetwork {
    return {
      interfaces: () => ({ mem0: [{ address, family: 'IPv4', internal: false, cidr: `${address}/24` }] }),
      createSocket: () => new MemorySocket(this.#sockets, (message, port, to) => this.inject(message, { address, port }, to))
    }
  }

  get openSockets (): number {
    return this.#sockets.size
  }

  /** What comes from there is lost from now on, as if the process had been killed. */
  silence (address: string): void {
    this.#silent.add(address)
  }

  /** Makes every socket fail, as when an interface goes away. */
  fail (error: Error): void {
    for (const socket of this.#sockets) socket.emit('error', error)
  }

  /** What is sent to one address is seen, and delivered to nobody: a socket here does not know its own. */
  inject (message: Uint8Array, from: PacketSource, to = GROUP): void {
    if (this.#silent.has(from.address)) return
    try {
      this.seen.push({ at: this.#clock.now(), from: from.address, ...to !== GROUP && { to }, packet: decode(Buffer.from(message)) })
    } catch {} // hostile ones are not for reading
    if (to !== GROUP) return
    for (const socket of this.#sockets) queueMicrotask(() => socket.emit('message', Buffer.from(message), from))
  }

  queries (from: string): SeenPacket[] {
    return this.seen.filter(seen => seen.from === from && seen.packet.type === 'query')
  }

  responses (from: string): SeenPacket[] {
    return this.seen.filter(seen => seen.from === from && seen.packet.type === 'response')
  }
}

class MemorySocket extends EventEmitter implements MdnsSocket {
  #port = 0
  readonly #sockets: Set<MemorySocket>
  readonly #send: (message: Uint8Array, port: number, to: string) => void

  constructor (sockets: Set<MemorySocket>, send: (message: Uint8Array, port: number, to: string) => void) {
    super()
    this.#sockets = sockets
    this.#send = send
  }

  bind (port: number, _address: string, callback: () => void): void {
    this.#port = port
    this.#sockets.add(this)
    queueMicrotask(callback)
  }

  addMembership (): void {}
  setMulticastInterface (): void {}
  setMulticastTTL (): void {}
  setTTL (): void {}
  setMulticastLoopback (): void {}

  send (...[message, , , , to, callback]: Parameters<MdnsSocket['send']>): void {
    this.#send(message, this.#port, to)
    queueMicrotask(() => callback(null))
  }

  close (callback: () => void): void {
    this.#sockets.delete(this)
    queueMicrotask(callback)
  }
}

/** A link with one host on it, for floods: what it sends is counted and goes nowhere. */
export class LoneLink {
  sent = 0
  readonly #socket = new EventEmitter()

  /** The network of the host that is there, `/24`. */
  network (address: string): MdnsNetwork {
    const nothing = Object.fromEntries(['addMembership', 'setMulticastInterface', 'setMulticastTTL', 'setTTL', 'setMulticastLoopback'].map(name => [name, () => {}]))
    const socket = Object.assign(this.#socket, nothing, {
      bind: (_port: number, _address: string, done: () => void) => { queueMicrotask(done) },
      send: (...args: Parameters<MdnsSocket['send']>) => {
        this.sent++
        queueMicrotask(() => args[5](null))
      },
      close: (done: () => void) => { queueMicrotask(done) }
    })
    return {
      interfaces: () => ({ mem0: [{ address, family: 'IPv4', internal: false, cidr: `${address}/24` }] }),
      createSocket: () => socket as unknown as MdnsSocket
    }
  }

  deliver (message: Buffer, from: PacketSource): void {
    this.#socket.emit('message', message, from)
  }
}
