/** kad-dht's messages by hand, for peers that say what kad-dht would not. @see https://github.com/libp2p/specs/tree/master/kad-dht#rpc-messages */
import { varint } from 'multiformats'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export const MESSAGE = { PUT_VALUE: 0, GET_VALUE: 1, ADD_PROVIDER: 2, GET_PROVIDERS: 3, FIND_NODE: 4, PING: 5 } as const

export interface WireMessage {
  type: number
  key?: Uint8Array
  record?: Uint8Array
  closer?: WirePeer[]
  providers?: WirePeer[]
}

export interface WirePeer {
  id: PeerId
  multiaddrs: Multiaddr[]
}

/** With its length before it. */
export function frame ({ type, key, record, closer = [], providers = [] }: WireMessage): Uint8Array {
  const body = Buffer.concat([
    number(1, type),
    key == null ? Buffer.alloc(0) : field(2, key),
    record == null ? Buffer.alloc(0) : field(3, record),
    ...closer.map(peer => field(8, encodePeer(peer))),
    ...providers.map(peer => field(9, encodePeer(peer)))
  ])
  return Buffer.concat([encode(body.length), body])
}

/** A `dht.pb.Record`. */
export function record (key: Uint8Array, value: Uint8Array): Uint8Array {
  return Buffer.concat([field(1, key), field(2, value), field(5, Buffer.from(new Date(0).toISOString()))])
}

function encodePeer ({ id, multiaddrs }: WirePeer): Uint8Array {
  return Buffer.concat([field(1, id.toMultihash().bytes), ...multiaddrs.map(({ bytes }) => field(2, bytes))])
}

function field (number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([encode(number << 3 | 2), encode(bytes.length), bytes])
}

function number (id: number, value: number): Uint8Array {
  return Buffer.concat([encode(id << 3), encode(value)])
}

function encode (value: number): Uint8Array {
  return varint.encodeTo(value, new Uint8Array(varint.encodingLength(value)))
}
