/**
 * An announcement on the topic (docs/protocols/gossip.md): the author's own signed peer record. Without addresses it says
 * that he goes.
 */
import { limits } from '@peerweave/interface'
import { bytesField, readFields } from '@peerweave/records/protobuf'

const RECORD = 1

export function encodeAnnouncement (record: Uint8Array): Uint8Array {
  return bytesField(RECORD, record)
}

/** A view into `bytes`, or nothing when they are no announcement. Unknown fields are for later versions. */
export function decodeAnnouncement (bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length > limits.gossipMessageBytes) return undefined
  let record: Uint8Array | undefined
  const isRead = readFields(bytes, (field, value) => {
    if (field !== RECORD) return true
    if (typeof value === 'bigint') return false
    record = value
    return true
  })
  return isRead ? record : undefined
}
