/**
 * One `multicast-dns` instance on one interface, behind the packet guard.
 *
 * The socket is ours. Left to itself, `multicast-dns` reports a failed membership as a warning, and joins and sends on
 * interfaces anew every 5 s on a platform timer that no {@link Clock} moves; with a bound socket of ours, `bind: false`
 * and `multicast: false` it encodes, decodes and sends, and does nothing else.
 */
import { EventEmitter } from 'node:events'
import { MdnsError, toError, type Clock, type DropCounter } from '@peerweave/interface'
import multicastDns from 'multicast-dns'
import { GROUP, HOPS } from './constants.ts'
import { packetGuard } from './packet-guard.ts'
import type { Socket } from 'node:dgram'
import type { Answer, Question } from 'dns-packet'
import type { QueryOutgoingPacket, ResponseOutgoingPacket } from 'multicast-dns'
import type { Link, MdnsNetwork, MdnsSocket, PacketSource } from './network.ts'

/** What the decoder makes of a packet. The lists are always there; dns-packet's own type does not say so. */
export interface DecodedPacket {
  questions: Question[]
  answers: Answer[]
  additionals: Answer[]
}

export interface TransportInit {
  network: MdnsNetwork
  link: Link
  port: number
  /** Packets without its first label are not decoded. */
  serviceTag: string
  clock: Clock
  /** Counts what the guard refuses, and `malformed`: what does not decode. */
  drop: DropCounter
  onQuery: (packet: DecodedPacket, from: PacketSource) => void
  onResponse: (packet: DecodedPacket, from: PacketSource) => void
  /** The socket failed, or a packet could not be sent. */
  onError: (error: Error) => void
}

export interface Transport {
  /** Resolve once the packet is out, or has failed and `onError` was told. */
  query: (packet: QueryOutgoingPacket) => Promise<void>
  respond: (packet: ResponseOutgoingPacket) => Promise<void>
  close: () => Promise<void>
}

/** @throws MdnsError when the port or the group cannot be had */
export async function openTransport (init: TransportInit): Promise<Transport> {
  const { network, link, port, drop, onError } = init
  const socket = network.createSocket()
  try {
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
    socket: new GuardedSocket(socket, packetGuard(init)) as unknown as Socket,
    port,
    bind: false,
    multicast: false
  })
  mdns.on('query', (packet, from) => init.onQuery(packet as DecodedPacket, from))
  mdns.on('response', (packet, from) => init.onResponse(packet as DecodedPacket, from))
  mdns.on('warning', () => drop('malformed'))
  const whenSent = (resolve: () => void) => (error: Error | null | undefined): void => {
    if (error != null) onError(error)
    resolve()
  }
  return {
    query: packet => new Promise(resolve => { mdns.query(packet, whenSent(resolve)) }),
    respond: packet => new Promise(resolve => { mdns.respond(packet, whenSent(resolve)) }),
    close: () => new Promise(resolve => { mdns.destroy(resolve) })
  }
}

/**
 * Bound to every address: Linux delivers multicast to sockets bound to the group or to none, never to one bound to the
 * interface's own address.
 */
async function joinGroup (socket: MdnsSocket, link: Link, port: number, onError: (error: Error) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let fail = reject
    socket.on('error', error => fail(error))
    socket.bind(port, '0.0.0.0', () => {
      fail = onError
      resolve()
    })
  })
  socket.addMembership(GROUP, link.address)
  socket.setMulticastInterface(link.address)
  socket.setMulticastTTL(HOPS)
  // Others on this machine are peers too.
  socket.setMulticastLoopback(true)
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
