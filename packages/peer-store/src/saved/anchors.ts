/** The anchors in a small file of their own, whole or not there, so that they outlive a damaged log. */
import { limits } from '@peerweave/interface'
import { decodeFrame, encodeFrame } from '../disk/frame.ts'
import { ByteReader, MalformedError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { decodePeer, encodePeer } from './peer-codec.ts'
import type { Boots } from './boots.ts'
import type { SavedPeer } from './saved-peer.ts'

const KEY = 'anchors'
const VERSION = 1

export function anchorsPath (path: string): string {
  return `${path}.anchors`
}

/** With how the clocks stand, for the log may not be there to say it. */
export function encodeAnchors (peers: readonly SavedPeer[], boots: Boots): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(boots.current)
  writer.bytes(boots.standing)
  writer.varint(peers.length)
  for (const peer of peers) {
    writer.text(peer.id)
    writer.bytes(encodePeer(peer, boots.current))
  }
  return encodeFrame(KEY, writer.take(), VERSION)
}

/** @throws MalformedError for bytes that {@link encodeAnchors} did not write */
export function decodeAnchors (bytes: Uint8Array, boots: Boots): SavedPeer[] {
  const frame = decodeFrame(KEY, bytes)
  if (frame == null) throw new MalformedError('the checksum is wrong')
  const reader = new ByteReader(frame.value)
  const boot = reader.varint()
  const shift = boots.shiftFrom(reader.bytes())
  return Array.from({ length: reader.count(limits.anchors) }, () => decodePeer(reader.text(), reader.bytes(), number => {
    if (number !== boot) throw new MalformedError('a record of another boot')
    return shift
  }))
}
