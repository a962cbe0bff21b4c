/** What a mechanism said, said again later: it stands for what is left of its time. */
import { limits, type Claim, type Sighting } from '@peerweave/interface'
import { originOf, withOrigin } from './origin.ts'

/** Something a mechanism said, and when (monotonic ms). */
export interface Said {
  readonly sighting: Sighting
  readonly at: number
}

/**
 * A copy, so that nobody's changes reach the next reader, with the TTL that is left. `undefined` when there is less than
 * `limits.ttlMin`: it would be raised to that, and each repetition would make it live longer.
 */
export function sayAgain ({ sighting, at }: Said, now: number): Sighting | undefined {
  const copy = copyOf(sighting)
  if (copy.kind !== 'withdraw' && now !== at) {
    copy.ttl -= now - at
    if (!(copy.ttl >= limits.ttlMin)) return undefined
  }
  const origin = originOf(sighting)
  return origin == null ? copy : withOrigin(copy, origin)
}

function copyOf (sighting: Sighting): Sighting {
  const { reporter } = sighting
  const own = { ...sighting, ...reporter != null && { reporter: { ...reporter } } }
  switch (own.kind) {
    case 'claim': {
      const { multiaddrs, protocols, metadata, signedPeerRecord } = own
      return {
        ...own,
        multiaddrs: [...multiaddrs],
        protocols: protocols == null ? undefined : [...protocols],
        metadata: metadata == null ? undefined : new Map(metadata),
        signedPeerRecord: copyOfRecord(signedPeerRecord)
      }
    }
    case 'withdraw':
      return { ...own, multiaddrs: own.multiaddrs == null ? undefined : [...own.multiaddrs] }
    default:
      return own
  }
}

/** One that is too large would be refused by whoever reads it, and is not worth its copy. */
function copyOfRecord (record: Claim['signedPeerRecord']): Claim['signedPeerRecord'] {
  return record == null || record.length > limits.peerRecordBytes ? undefined : record.slice()
}
