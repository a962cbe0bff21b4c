/**
 * Our own signed records. What we say of ourselves depends on who hears it: on the internet only what can be reached
 * from there, so that nobody learns our private addresses, and so that nobody refuses the record for them.
 */
import { addressScope, limits, mayReport, withoutPeer, type Host, type ReporterScope } from '@peerweave/interface'
import { sealPeerRecord } from './seal.ts'
import type { OwnSeq } from './own-seq.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface OwnRecords {
  readonly seq: OwnSeq
  /**
   * What to say from now on: these addresses, or with `undefined` the host's own as they come and go (the beginning).
   * An empty list: nothing.
   */
  announce: (multiaddrs: readonly Multiaddr[] | undefined) => void
  /** The record for somebody who is at an address of this scope; `undefined` while we have none that he may believe of us. */
  for: (audience: ReporterScope) => Promise<Uint8Array | undefined>
  /** From now on records have a new seq, though they say the same. */
  renew: () => void
  /** A record without addresses, newer than all others: we are nowhere. */
  farewell: () => Promise<Uint8Array>
}

export interface OwnRecordsInit {
  host: Pick<Host, 'addresses' | 'signer'>
  seq: OwnSeq
}

/**
 * From whoever hears least to whoever hears most. Sealed in this order, so that of two records of one moment the one that
 * says more is the newer one: who hears both keeps it.
 */
const AUDIENCES = ['public', 'private', 'loopback'] as const
type Audience = typeof AUDIENCES[number]

interface Sealed {
  /** The addresses that these records were made of. */
  text: string
  records: Promise<ReadonlyMap<Audience, Uint8Array>>
}

export function ownRecords ({ host, seq }: OwnRecordsInit): OwnRecords {
  let given: readonly Multiaddr[] | undefined
  let sealed: Sealed | undefined

  const records = (): Promise<ReadonlyMap<Audience, Uint8Array>> => {
    const multiaddrs = (given ?? host.addresses()).map(withoutPeer)
    const text = multiaddrs.join(' ')
    if (sealed?.text !== text) {
      const now: Sealed = sealed = { text, records: seal(multiaddrs) }
      now.records.catch(() => { if (sealed === now) sealed = undefined }) // the next one tries again
    }
    return sealed.records
  }

  /** All of them get their seq before any is signed: what is sealed later is newer, whichever signature is done first. */
  const seal = async (multiaddrs: readonly Multiaddr[]): Promise<ReadonlyMap<Audience, Uint8Array>> => {
    const sealing: Array<Promise<[Audience, Uint8Array]>> = []
    let last: { text: string, bytes: Promise<Uint8Array> } | undefined
    for (const audience of AUDIENCES) {
      const told = withinBounds(multiaddrs.filter(address => mayReport(audience, addressScope(address))))
      if (told.length === 0) continue
      const text = told.join(' ')
      if (last?.text !== text) last = { text, bytes: sealPeerRecord({ signer: host.signer, multiaddrs: told, seq: seq.next() }) }
      sealing.push(last.bytes.then(bytes => [audience, bytes]))
    }
    return new Map(await Promise.all(sealing))
  }

  return {
    seq,
    announce: multiaddrs => { given = multiaddrs },
    for: async scope => (await records()).get(audienceAt(scope)),
    renew: () => { sealed = undefined },
    farewell () {
      sealed = undefined // older than the goodbye, it would be news to nobody
      return sealPeerRecord({ signer: host.signer, multiaddrs: [], seq: seq.next() })
    }
  }
}

function audienceAt (scope: ReporterScope): Audience {
  switch (scope) {
    case 'loopback':
    case 'configured':
      return 'loopback'
    case 'private':
    case 'link-local':
      return 'private'
    default:
      return 'public'
  }
}

/** The first ones that a record has room for. */
function withinBounds (multiaddrs: readonly Multiaddr[]): Multiaddr[] {
  let room = limits.peerRecordBytes - RECORD_OVERHEAD
  return multiaddrs.filter(({ bytes }) => {
    if (bytes.length > limits.multiaddrBytes || room < bytes.length + ADDRESS_OVERHEAD) return false
    room -= bytes.length + ADDRESS_OVERHEAD
    return true
  }).slice(0, limits.addressesPerClaim)
}

/** Bytes of an envelope besides its addresses, with the longest key and signature that a record may have (RSA of 4,096 bits). */
const RECORD_OVERHEAD = 1_200

/** Tags and lengths of one address, bytes. */
const ADDRESS_OVERHEAD = 6
