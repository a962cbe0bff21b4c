/**
 * Reads what comes on the topic. All checks come before a message is delivered or passed on, the cheap ones first: an
 * announcement is its author's own record, newer than his last one.
 */
import { RECORD_TTL, type Exchange, type Heard } from '@peerweave/exchange'
import { limits, reporterScope, type Claim, type DropCounter, type PubSubMessage, type Ports, type Reporter, type Verdict, type VerifiedRecord } from '@peerweave/interface'
import { isFarewell, nodeRecords, openPeerRecord, recordSigner, type NodeRecords } from '@peerweave/records'
import { History } from './history.ts'
import { decodeAnnouncement } from './message.ts'
import type { SourceTable } from './source-table.ts'
import type { PeerId } from '@libp2p/interface'
import type { ResolvedGossipOptions } from './options.ts'

export interface AnnouncementsInit {
  ports: Ports
  exchange: Exchange
  table: SourceTable
  drop: DropCounter
  options: ResolvedGossipOptions
  onClaim: (claim: Claim, via: PeerId) => void
  onDeparture: (peer: PeerId) => void
}

export class Announcements {
  readonly #init: AnnouncementsInit
  readonly #records: NodeRecords
  readonly #history: History
  /** By the message's bytes, which gossipsub hands on as they are. */
  readonly #accepted = new WeakMap<Uint8Array, VerifiedRecord>()

  constructor (init: AnnouncementsInit) {
    this.#init = init
    this.#records = nodeRecords(init.ports, { clock: init.options.clock })
    this.#history = new History({ clock: init.options.clock, size: init.options.history })
  }

  async validate ({ data, from, via }: PubSubMessage): Promise<Verdict> {
    const { ports: { host }, table, drop } = this.#init
    const bytes = decodeAnnouncement(data)
    if (bytes == null) return refuse('malformed')
    if (from.equals(host.self)) return 'ignore' // our own word, come round
    const left = this.#history.has(from) && !isFarewell(bytes) ? limits.gossipGoodbyes : 0
    if (!this.#history.mayAnnounce(from) && !table.mayAnnounce(via, left)) {
      drop('unsolicited')
      return 'ignore'
    }
    if (recordSigner(bytes)?.equals(from) !== true) return refuse('not-its-own')
    const { record, refused } = await openPeerRecord(bytes, { cache: this.#records.cache, rate: this.#records.rate, reporter: via.toString() })
    if (refused === 'rate-limited') {
      drop('rate-limited')
      return 'ignore'
    }
    if (record == null) return refuse('bad-record')
    if (this.#history.take(from, record.seq)) {
      this.#accepted.set(data, record)
      return 'accept'
    }
    // An old one may come late by an honest neighbour.
    drop('old-record')
    return 'ignore'

    function refuse (reason: string): Verdict {
      drop(reason)
      return 'reject'
    }
  }

  /** After {@link validate}. */
  async receive ({ data, from, via }: PubSubMessage): Promise<void> {
    const record = this.#accepted.get(data) ?? await this.#opened(data)
    if (record == null) return
    const { exchange, drop, onClaim, onDeparture } = this.#init
    const reporter = this.#reporter(via)
    const heard: Heard = { record, ttl: RECORD_TTL, hops: from.equals(via) ? 0 : 1, reporter: via, isAsked: false }
    // A newer one came by exchange: perhaps his goodbye, which went there in one step.
    if (exchange.learn(heard, reporterScope(reporter)) === 'old') return drop('old-record')
    if (record.addresses.length === 0) onDeparture(from)
    else onClaim({ kind: 'claim', peerId: from, multiaddrs: [...record.addresses], ttl: RECORD_TTL, reporter, signedPeerRecord: record.bytes }, via)
  }

  /** Where a message was copied in between: it is in the cache. */
  async #opened (data: Uint8Array): Promise<VerifiedRecord | undefined> {
    const bytes = decodeAnnouncement(data)
    return bytes == null ? undefined : (await openPeerRecord(bytes, { cache: this.#records.cache })).record
  }

  #reporter (peer: PeerId): Reporter {
    return { peer, remoteAddr: this.#init.ports.host.connections().find(connection => connection.peer.equals(peer))?.remoteAddr }
  }
}
