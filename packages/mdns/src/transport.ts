/**
 * One `multicast-dns` instance on one link, behind the packet guard.
 *
 * The socket is ours. Left to itself, `multicast-dns` reports a failed membership as a warning, and joins and sends on
 * interfaces anew every 5 s on a platform timer that no clock of ours moves; with a bound socket of ours, `bind: false`
 * and `multicast: false` it encodes, decodes and sends, and does nothing else, over either family.
 */
import { EventEmitter } from 'node:events'
import { MdnsError, toError, type DropCounter } from '@peerweave/interface'
import { encode, type Answer, type Packet, type Question } from 'dns-packet'
import multicastDns from 'multicast-dns'
import { GROUP, GROUP6, HOPS } from './constants.ts'
import { isLinkLocal6, zoneOf, type Link } from './links.ts'
import type { Socket } from 'node:dgram'
import type { QueryOutgoingPacket, ResponseOutgoingPacket } from 'multicast-dns'
import type { MdnsNetwork, MdnsSocket, PacketSource } from './network.ts'

/** What the decoder makes of a packet. The lists are always there; dns-packet's own type does not say so. */
export interface DecodedPacket {
  questions: Question[]
  answers: Answer[]
  authorities: Answer[]
  additionals: Answer[]
  /** More known answers follow in another packet. RFC 6762 §7.2. */
  flag_tc: boolean
}

export interface TransportInit {
  network: MdnsNetwork
  link: Link
  port: number
  /** Whether a packet may be decoded. */
  guard: (packet: Uint8Array, from: PacketSource) => boolean
  /** Counts `malformed`: what does not decode. */
  drop: DropCounter
  onQuery: (packet: DecodedPacket, from: PacketSource) => void
  onResponse: (packet: DecodedPacket, from: PacketSource) => void
  /** The socket failed, or a packet could not be encoded or sent. Not called once `close` was. */
  onError: (error: Error) => void
}

export interface Transport {
  /** Resolve once the packet is out, has failed and `onError` was told, or the transport was closed. Never reject. */
  query: (packet: QueryOutgoingPacket) => Promise<void>
  /** @param to - one host; without it the group */
  respond: (packet: ResponseOutgoingPacket, to?: PacketSource) => Promise<void>
  close: () => Promise<void>
}

/** @throws MdnsError when the port or the group cannot be had */
export async function openTransport (init: TransportInit): Promise<Transport> {
  const { network, link, port, guard, drop } = init
  /** Of sends: a socket that is closed forgets its callbacks. */
  const pending = new Set<() => void>()
  let isClosed = false
  const onError = (error: Error): void => { if (!isClosed) init.onError(error) }
  const socket = network.createSocket(link.family)
  try {
    if (link.family === 'IPv6') await checkAddress(network, link)
    await joinGroup(socket, link, port, onError)
  } catch (error) {
    await new Promise<void>(resolve => { socket.close(resolve) })
    throw new MdnsError(
      `mdns: no multicast on ${link.address} (${link.name}), port ${port}: ${toError(error).message}. ` +
      'Check that the interface is up and has multicast, and that no other program holds the port for itself; ' +
      'or name another interface',
      { cause: error }
    )
  }
  const mdns = multicastDns({
    // It uses `on`, `send` and `close` of the socket's many methods when it neither binds nor joins.
    socket: new GuardedSocket(socket, guard) as unknown as Socket,
    port,
    ip: groupOf(link),
    bind: false,
    multicast: false
  })
  mdns.on('query', (packet: unknown, from: PacketSource) => init.onQuery(packet as DecodedPacket, from))
  mdns.on('response', (packet: unknown, from: PacketSource) => init.onResponse(packet as DecodedPacket, from))
  mdns.on('warning', () => drop('malformed'))
  const sent = async (packet: Packet, send: (callback: (error?: Error | null) => void) => void): Promise<void> => {
    if (isClosed) return
    try {
      // It encodes in a later tick, where nobody could catch what is thrown: so what does not encode is found out here.
      encode(packet)
    } catch (error) {
      onError(toError(error))
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    pending.add(resolve)
    send(error => {
      pending.delete(resolve)
      if (error != null) onError(error)
      resolve()
    })
    await promise
  }
  return {
    query: packet => sent(packet, callback => { mdns.query(packet, callback) }),
    respond: (packet, to) => sent(packet, callback => { mdns.respond(packet, to, callback) }),
    async close () {
      isClosed = true
      await new Promise<void>(resolve => { mdns.destroy(resolve) })
      for (const resolve of pending) resolve()
    }
  }
}

/**
 * Bound to every address: Linux delivers multicast to sockets bound to the group or to none, never to one bound to the
 * interface's own address.
 */
async function joinGroup (socket: MdnsSocket, link: Link, port: number, onError: (error: Error) => void): Promise<void> {
  const isIPv4 = link.family === 'IPv4'
  await bind(socket, port, isIPv4 ? '0.0.0.0' : '::', onError)
  // An IPv6 interface is named by its zone; the address before it counts for nothing.
  const interfaceAddress = isIPv4 ? link.address : `::%${zoneOf(link)}`
  socket.addMembership(isIPv4 ? GROUP : GROUP6, interfaceAddress)
  socket.setMulticastInterface(interfaceAddress)
  socket.setMulticastTTL(HOPS)
  // What is sent to one host too. RFC 6762 §11.
  socket.setTTL(HOPS)
  // Others on this machine are peers too.
  socket.setMulticastLoopback(true)
}

/**
 * For the first second or two the system asks whether anyone else has an IPv6 address (RFC 4862 §5.4). Until then nothing
 * can be sent from it, and the announcements would be lost; it cannot be bound to either, which tells.
 *
 * @throws what binding to it throws
 */
async function checkAddress (network: MdnsNetwork, link: Link): Promise<void> {
  const socket = network.createSocket('IPv6')
  try {
    await bind(socket, 0, isLinkLocal6(link.address) ? `${link.address}%${zoneOf(link)}` : link.address, () => {})
  } finally {
    await new Promise<void>(resolve => { socket.close(resolve) })
  }
}

/** @param onError - told of what fails once it is bound */
async function bind (socket: MdnsSocket, port: number, address: string, onError: (error: Error) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let fail = reject
    socket.on('error', error => fail(error))
    socket.bind(port, address, () => {
      fail = onError
      resolve()
    })
  })
}

function groupOf (link: Link): string {
  return link.family === 'IPv4' ? GROUP : `${GROUP6}%${zoneOf(link)}`
}

/** The socket as `multicast-dns` sees it: only packets that passed the guard, and no errors. */
class GuardedSocket extends EventEmitter {
  readonly #socket: MdnsSocket

  constructor (socket: MdnsSocket, mayPass: (packet: Uint8Array, from: PacketSource) => boolean) {
    super()
    this.#socket = socket
    socket.on('message', (packet, from) => {
      if (mayPass(packet, from)) this.emit('message', packet, from)
    })
  }

  send (...args: Parameters<MdnsSocket['send']>): void {
    this.#socket.send(...args)
  }

  close (callback: () => void): void {
    this.#socket.close(callback)
  }
}
