/**
 * What one node hears of its peers while they come and go by a churn trace, in virtual time. No packets: what each
 * mechanism would have said, at the intervals and with the lifetimes that the mechanisms have by default.
 *
 * - gossip: a signed announcement when a peer joins, 5 s and 90 s later and every 300 s, by one of those we are connected
 *   to; exchange every 30 s with three of them, which brings what we do not hold, also of peers that are gone, for 20 min
 *   after their last announcement. A neighbour brings its own record.
 * - dht: each round the 20 next to us and the 20 next to a random key, out of tables that keep who is gone for ten minutes on average.
 * - mdns: peers on our link, asked again when four fifths of 120 s have passed.
 * - dns: peers in a zone, which lists who is gone without a goodbye for up to 300 s.
 * - bootstrap: configured peers, while they answer.
 * - our own: eight connections, their loss, the dials to replace them, and a feeler every two minutes.
 */
import { jitter, shuffle, type Rng, type Source } from '@peerweave/interface'
import { addressIn, loadTrace, simPeerId, streamOf, type Session, type TraceName } from '@peerweave/simulator'
import { Agenda } from './agenda.ts'
import { Observer, type Known } from './observer.ts'
import type { PeerId } from '@libp2p/interface'

const SECOND = 1_000

/** Constants of the packages, ms: what they are for stands there. */
const GOSSIP = { again: [5_000, 90_000], refresh: 300_000, jitter: 0.2, ttl: 1_200_000, ask: 30_000, fanout: 3, answer: 32 }
const DHT = { ttl: 3_600_000, k: 20, most: 50 }
const MDNS = { ttl: 120_000, refreshAt: [0.8, 0.85, 0.9, 0.95] }
const DNS = { ttl: 300_000, refreshAt: 0.875 }
const BOOTSTRAP = { ttl: 600_000 }
const ROUND = { interval: 60_000, jitter: 0.2, stretch: 1.5, stretchMax: 5 }
const CONNECT = { target: 8, pace: 2_000, wait: 10_000, waitMax: 600_000, feeler: 120_000, feelerJitter: 0.5, spare: 8 }
/** How long a crash of who is connected goes unnoticed (issue 7: p50 of suspicion to p99 of expiry). */
const DEATH = { min: 3_000, max: 8_000 }

/** Chosen: a public network, with some of it on our link and in our zone. A peer that has none of them is in the DHT. */
const SHARES = { gossip: 0.85, dht: 0.85, mdns: 0.05, dns: 0.05, bootstrap: 0.02 }
/** An announcement, or an answer on the link, that does not reach us. Chosen. */
const LOSS = 0.02
/** Who leaves with a goodbye. Chosen: the others crash, or lose their network. */
const GOODBYES = 0.25
/** Networks (/16) that the peers live in. Chosen. */
const GROUPS = 64
/** How long a routing table keeps who is gone, on average, and until it has a newcomer. Chosen: kad-dht looks at old contacts every ten minutes. */
const TABLE = { lingers: 600_000, notices: 10_000 }

/** Moments at which both policies are looked at. */
const SAMPLES = 240

export type Half = 'tuning' | 'held-out'

export interface WorldInit {
  trace: TraceName
  seed: number
  /** Peers drawn from the trace's half, at most so many. */
  peers: number
  /** Whatever is tuned, is tuned on the one; nobody of the other's sessions is in it. */
  half: Half
}

export interface Sample {
  readonly observer: Observer
  readonly peer: Known
  /** In its session, and not cut off from us. */
  readonly isThere: boolean
}

interface Peer extends Known {
  readonly sessions: readonly Session[]
  /** Place among the keys of the DHT. */
  readonly key: number
  readonly group: string
  readonly host: string
  readonly speaks: ReadonlySet<string>
  /** On the other side when the network is cut. */
  readonly isFar: boolean
  isIn: boolean
  /** When those on our side heard it announce itself last; -Infinity: never, or it said goodbye. */
  announced: number
  /** The same, of those on its own side. */
  announcedThere: number
  /** Until when exchange brings us nothing of it, because we hold it. */
  heldUntil: number
  /** In the tables of the DHT until then. */
  tabledUntil: number
  /** In the zone until then. */
  zonedUntil: number
  /** How often we failed to dial it, and until when we leave it alone. */
  failures: number
  waitsUntil: number
}

/** @param onSample - called for each peer at each moment */
export async function runWorld (init: WorldInit, onSample: (sample: Sample) => void): Promise<void> {
  await new ExpiryWorld(init).run(onSample)
}

class ExpiryWorld {
  readonly #agenda = new Agenda()
  readonly #rng: Rng
  readonly #observer: Observer
  readonly #peers: readonly Peer[]
  readonly #byId: ReadonlyMap<string, Peer>
  readonly #duration: number
  readonly #key: number
  #isCut = false

  constructor ({ trace: name, seed, peers, half }: WorldInit) {
    const rng = this.#rng = streamOf(seed, `expiry ${name} ${half}`)
    const trace = loadTrace(name)
    const middle = trace.peers.length / 2
    const drawn = shuffle(rng, trace.peers.map((sessions, number) => ({ sessions, number }))
      .filter(({ number }) => half === 'tuning' ? number < middle : number >= middle)).slice(0, peers)
    this.#observer = new Observer(this.#agenda, rng)
    this.#peers = drawn.map(({ sessions, number }, i) => this.#peer(sessions, number, i / drawn.length >= (trace.cuts[0]?.share ?? 1)))
    this.#byId = new Map(this.#peers.map(peer => [peer.id.toString(), peer]))
    this.#duration = trace.duration
    this.#key = rng.int(2 ** 32)
    for (const { from, to } of trace.cuts) {
      this.#agenda.at(from, () => this.#cut())
      this.#agenda.at(to, () => this.#heal())
    }
  }

  #peer (sessions: readonly Session[], number: number, isFar: boolean): Peer {
    const rng = this.#rng
    const group = rng.int(GROUPS)
    const has = Object.entries(SHARES).filter(([, share]) => rng.float() < share).map(([name]) => name)
    const address = addressIn(group, 1 + number)
    const host = address.getComponents()[0]?.value ?? ''
    return {
      id: idOf(number), address, sessions, key: rng.int(2 ** 32), group: `net:${host.split('.', 2).join('.')}`, host, isFar,
      speaks: new Set(has.length === 0 ? ['dht'] : has), isIn: false, announced: -Infinity, announcedThere: -Infinity, heldUntil: -Infinity,
      tabledUntil: -Infinity, zonedUntil: -Infinity, failures: 0, waitsUntil: -Infinity
    }
  }

  async run (onSample: (sample: Sample) => void): Promise<void> {
    const agenda = this.#agenda
    for (const peer of this.#peers) {
      for (const [join, leave] of peer.sessions) {
        agenda.at(join, () => this.#join(peer, join, leave))
        if (leave < this.#duration) agenda.at(leave, () => this.#leave(peer))
      }
    }
    agenda.every(() => CONNECT.pace, () => this.#connect())
    agenda.every(() => jitter(this.#rng, CONNECT.feeler, CONNECT.feelerJitter), () => this.#feel())
    agenda.every(() => jitter(this.#rng, GOSSIP.ask, GOSSIP.jitter), () => this.#exchange())
    this.#rounds(() => this.#dhtRound())
    this.#rounds(() => this.#dnsRound())
    this.#rounds(() => this.#bootstrapRound())
    const sampling = Math.max(SECOND, this.#duration / SAMPLES)
    agenda.every(() => sampling, async () => {
      await this.#observer.store.expire(agenda.now)
      for (const peer of this.#peers) onSample({ observer: this.#observer, peer, isThere: this.#isThere(peer) })
    })
    await agenda.run(this.#duration)
  }

  // — coming and going —

  #isThere (peer: Peer): boolean {
    return peer.isIn && !(this.#isCut && peer.isFar)
  }

  async #join (peer: Peer, join: number, leave: number): Promise<void> {
    const { speaks } = peer
    const rng = this.#rng
    peer.isIn = true
    const whileIn = (at: number, event: () => Promise<void>): void => {
      if (at < leave) this.#agenda.at(at, event)
    }
    // Who is there from the beginning has been there for a while.
    const phase = join === 0 ? rng.float() : 0
    if (speaks.has('gossip')) {
      if (phase > 0) {
        peer.announced = peer.announcedThere = -phase * GOSSIP.refresh
        whileIn((1 - phase) * GOSSIP.refresh, () => this.#announce(peer, leave))
      } else {
        await this.#announce(peer, leave)
        for (const ms of GOSSIP.again) whileIn(join + ms, () => this.#announce(peer))
      }
    }
    if (speaks.has('mdns')) whileIn(join + phase * MDNS.ttl, () => this.#answerOnLink(peer, leave))
    if (speaks.has('dns')) this.#register(peer, leave, phase)
    if (speaks.has('dht')) peer.tabledUntil = Infinity
    // As many of them as have eight connections of their own to give.
    const online = this.#peers.filter(one => this.#isThere(one)).length
    if (this.#isThere(peer) && rng.float() < CONNECT.target / Math.max(CONNECT.target, online)) await this.#opened(peer)
  }

  async #leave (peer: Peer): Promise<void> {
    const rng = this.#rng
    const wasThere = this.#isThere(peer)
    peer.isIn = false
    peer.tabledUntil = this.#agenda.now - TABLE.lingers * Math.log(1 - rng.float())
    if (!wasThere || rng.float() >= GOODBYES) return this.#silence(peer)
    if (this.#observer.isConnected(peer)) this.#observer.disconnected(peer)
    peer.zonedUntil = -Infinity
    for (const path of ['gossip', 'mdns']) {
      if (!peer.speaks.has(path)) continue
      if (path === 'gossip') peer.announced = peer.announcedThere = peer.heldUntil = -Infinity
      if (rng.float() >= LOSS) await this.#observer.goodbye(peer, path)
    }
  }

  #silence (peer: Peer): void {
    const noticed = DEATH.min + this.#rng.float() * (DEATH.max - DEATH.min)
    if (this.#observer.isConnected(peer)) {
      this.#agenda.after(noticed, async () => {
        if (!this.#isThere(peer)) await this.#observer.died(peer)
      })
    }
  }

  #cut (): void {
    this.#isCut = true
    for (const peer of this.#peers) {
      if (!peer.isFar) continue
      this.#silence(peer)
      if (peer.isIn) peer.tabledUntil = this.#agenda.now - TABLE.lingers * Math.log(1 - this.#rng.float())
    }
  }

  #heal (): void {
    this.#isCut = false
    for (const peer of this.#peers) {
      if (!peer.isFar) continue
      peer.announced = peer.announcedThere
      if (peer.isIn && peer.speaks.has('dht')) peer.tabledUntil = Infinity
    }
  }

  // — mechanisms —

  /** @param leave - also announces itself again until then */
  async #announce (peer: Peer, leave?: number): Promise<void> {
    const { now } = this.#agenda
    const next = now + jitter(this.#rng, GOSSIP.refresh, GOSSIP.jitter)
    if (leave != null && next < leave) this.#agenda.at(next, () => this.#announce(peer, leave))
    peer.announcedThere = now
    if (!this.#isThere(peer)) return
    peer.announced = now
    const [via] = shuffle(this.#rng, this.#neighbours())
    if (via != null && this.#rng.float() >= LOSS) await this.#heardByGossip(peer, via, GOSSIP.ttl)
  }

  async #heardByGossip (peer: Peer, via: Peer, ttl: number): Promise<void> {
    peer.heldUntil = this.#agenda.now + ttl
    await this.#observer.heard(peer, reportedBy('gossip', via), ttl, true)
  }

  async #exchange (): Promise<void> {
    const { now } = this.#agenda
    for (const via of shuffle(this.#rng, this.#neighbours()).slice(0, GOSSIP.fanout)) {
      const wanted = this.#peers.filter(peer => peer.announced + GOSSIP.ttl > now && peer.heldUntil <= now)
      for (const peer of shuffle(this.#rng, wanted).slice(0, GOSSIP.answer)) await this.#heardByGossip(peer, via, peer.announced + GOSSIP.ttl - now)
    }
  }

  #neighbours (): Peer[] {
    return this.#peers.filter(peer => this.#observer.isConnected(peer) && this.#isThere(peer) && peer.speaks.has('gossip'))
  }

  /** Rounds of a mechanism, further apart while they bring nobody new. */
  #rounds (round: () => Promise<number>): void {
    let stretch = 1
    this.#agenda.every(() => jitter(this.#rng, ROUND.interval * stretch, ROUND.jitter), async () => {
      stretch = await round() > 0 ? 1 : Math.min(ROUND.stretchMax, stretch * ROUND.stretch)
    })
  }

  async #dhtRound (): Promise<number> {
    const { now } = this.#agenda
    const tabled = this.#peers.filter(peer => peer.tabledUntil > now && !(peer.isIn && !this.#isThere(peer) && peer.tabledUntil === Infinity))
    const answering = tabled.filter(peer => this.#isThere(peer))
    if (answering.length === 0) return 0
    const near = (key: number): Peer[] => tabled.map(peer => ({ peer, distance: (peer.key ^ key) >>> 0 }))
      .sort((a, b) => a.distance - b.distance).slice(0, DHT.k).map(({ peer }) => peer)
    let fresh = 0
    for (const peer of [...new Set([...near(this.#key), ...near(this.#rng.int(2 ** 32))])].slice(0, DHT.most)) {
      const via = answering[this.#rng.int(answering.length)] as Peer
      if (await this.#observer.heard(peer, reportedBy('dht', via), DHT.ttl)) fresh++
    }
    return fresh
  }

  async #answerOnLink (peer: Peer, leave: number): Promise<void> {
    if (this.#isThere(peer)) {
      await this.#observer.heard(peer, { path: 'mdns', type: 'mdns', group: 'if:eth0', reporter: peer.host }, MDNS.ttl)
    }
    const answered = MDNS.refreshAt.find(() => this.#rng.float() >= LOSS) ?? 1
    const next = this.#agenda.now + MDNS.ttl * answered
    if (next < leave) this.#agenda.at(next, () => this.#answerOnLink(peer, leave))
  }

  /** @param phase - part of the lifetime that had passed of the record when we came */
  #register (peer: Peer, leave: number, phase = 0): void {
    const made = this.#agenda.now - phase * DNS.ttl * DNS.refreshAt
    peer.zonedUntil = made + DNS.ttl
    const next = made + DNS.ttl * DNS.refreshAt
    if (next < leave) this.#agenda.at(next, () => this.#register(peer, leave))
  }

  async #dnsRound (): Promise<number> {
    const { now } = this.#agenda
    let fresh = 0
    for (const peer of this.#peers) {
      if (peer.zonedUntil - now < SECOND) continue
      if (await this.#observer.heard(peer, { path: 'dns', type: 'dns', group: 'dns:peers.example', reporter: 'peers.example' }, peer.zonedUntil - now)) fresh++
    }
    return fresh
  }

  async #bootstrapRound (): Promise<number> {
    let fresh = 0
    for (const peer of this.#peers) {
      if (!peer.speaks.has('bootstrap') || !this.#isThere(peer)) continue
      const source = { path: 'bootstrap', type: 'bootstrap', group: 'configured:bootstrap', reporter: peer.id.toString(), isChosen: true }
      if (await this.#observer.heard(peer, source, BOOTSTRAP.ttl)) fresh++
    }
    return fresh
  }

  // — what we do ourselves —

  async #connect (): Promise<void> {
    if (this.#peers.filter(peer => this.#observer.isConnected(peer)).length >= CONNECT.target) return
    const table = this.#rng.int(2) === 0 ? 'tried' : 'new'
    const candidate = this.#drawn(table) ?? this.#drawn(table === 'tried' ? 'new' : 'tried')
    // Before anybody is known there are the configured ones.
    const peer = candidate ?? this.#peers.find(peer => this.#isThere(peer) && !this.#observer.isConnected(peer) && peer.waitsUntil <= this.#agenda.now)
    if (peer != null && await this.#dial(peer)) await this.#opened(peer)
  }

  async #feel (): Promise<void> {
    const { store } = this.#observer
    const tested = store.tests().flatMap(({ peerId }) => this.#free(peerId)).at(0)
    const peer = tested ?? this.#drawn('new')
    if (peer != null && await this.#dial(peer)) {
      this.#observer.connected(peer)
      this.#observer.disconnected(peer)
    }
  }

  async #dial (peer: Peer): Promise<boolean> {
    const isThere = this.#isThere(peer)
    peer.failures = isThere ? 0 : peer.failures + 1
    peer.waitsUntil = this.#agenda.now + Math.min(CONNECT.waitMax, CONNECT.wait * 2 ** peer.failures)
    await this.#observer.dialled(peer, isThere)
    return isThere
  }

  async #opened (peer: Peer): Promise<void> {
    if (this.#observer.isConnected(peer)) return
    this.#observer.connected(peer)
    if (peer.speaks.has('gossip')) await this.#heardByGossip(peer, peer, GOSSIP.ttl)
  }

  #drawn (table: 'tried' | 'new'): Peer | undefined {
    const without = this.#peers.filter(peer => this.#observer.isConnected(peer) || peer.waitsUntil > this.#agenda.now).map(({ id }) => id)
    return this.#observer.store.pick({ table, count: CONNECT.spare, without }).flatMap(({ peerId }) => this.#free(peerId)).at(0)
  }

  #free (id: PeerId): Peer[] {
    const peer = this.#byId.get(id.toString())
    return peer == null || this.#observer.isConnected(peer) || peer.waitsUntil > this.#agenda.now ? [] : [peer]
  }
}

function reportedBy (path: string, via: Peer): Source {
  return { path, type: path, group: via.group, reporter: via.id.toString() }
}

const ids = new Map<number, PeerId>()

/** The same in all worlds: making one takes longer than all that is heard of it. */
function idOf (number: number): PeerId {
  const known = ids.get(number) ?? simPeerId(1, `expiry ${number}`)
  ids.set(number, known)
  return known
}
