/** What we say of ourselves, and when. */
import {
  ANNOUNCEMENTS, ANNOUNCE_INTERVAL, ANSWER_DELAY, ANSWER_INTERVAL, ANSWER_SPREAD, DEFENCE_INTERVAL, GREETINGS, GREETINGS_PER_SECOND,
  KNOWN_ANSWERS_DELAY, KNOWN_ANSWERS_SPREAD, REPEAT_DELAY, REPEAT_SPREAD, UNICAST_SHARE
} from './constants.ts'
import { Askers, SURELY_HEARD, type Asking } from './askers.ts'
import { Doubts } from './doubts.ts'
import { contentOf, isSameRecord, type SaidRecord, type Presence, type RecordSet } from './record-set.ts'
import { limits, lowerName, tokenBucket, type Clock, type Rng, type Timer, type TokenBucket } from '@peerweave/interface'
import type { Answer } from 'dns-packet'
import type { ResponseOutgoingPacket } from 'multicast-dns'
import type { PacketSource } from './network.ts'
import type { DecodedPacket } from './transport.ts'

/** The two forms are said in packets of their own. */
export type Form = 'libp2p' | 'service'

export interface ResponderInit {
  clock: Clock
  rng: Rng
  /** Of our records, ms. */
  ttl: number
  /** What an earlier one said on this link, and nobody has taken back. */
  said?: ReadonlyMap<Form, Presence> | undefined
  /** Multicasts, or sends to one. */
  send: (packet: ResponseOutgoingPacket, to?: PacketSource) => Promise<void>
}

interface Publication {
  presence: Presence
  content: string
  /** When to say it unasked. */
  announcements: number[]
}

interface Asked {
  set: RecordSet
  /** It would take a unicast answer. RFC 6762 §5.4. */
  isUnicast: boolean
  /** It is about to take the name for itself. RFC 6762 §8.1. */
  isProbe: boolean
}

/** A question in several packets: what is asked for, until all known answers are in. RFC 6762 §7.2. */
interface Held {
  asked: Asked[]
  from: PacketSource
  at: number
  timer: Timer
}

/** Everything is said from one timer: what is due first takes along all that may be said by then. */
export class Responder {
  readonly #init: ResponderInit
  readonly #askers: Askers
  readonly #mayGreet: TokenBucket
  readonly #published = new Map<Form, Publication>()
  readonly #left: Map<Form, Presence>
  /** When each set was multicast lately, by its key: the last {@link SURELY_HEARD} times, oldest first. */
  readonly #spoken = new Map<string, readonly number[]>()
  /** When to multicast which. As many as there are sets. */
  readonly #pending = new Map<string, number>()
  readonly #doubts = new Doubts()
  /** By source. BOUNDED: `limits.mdnsSources`, beyond it a question is taken for complete. */
  readonly #held = new Map<string, Held>()
  #due: { at: number, timer: Timer } | undefined

  constructor (init: ResponderInit) {
    this.#init = init
    this.#left = new Map(init.said)
    this.#askers = new Askers(init.ttl, init.clock.now())
    this.#mayGreet = tokenBucket(GREETINGS_PER_SECOND, GREETINGS, init.clock.now())
  }

  /**
   * Answers with this from now on, and announces it where it says anything new; takes back what it no longer says.
   * Nothing is a full goodbye. Resolves when what is taken back is out.
   */
  async publish (form: Form, presence: Presence | undefined): Promise<void> {
    const before = this.#published.get(form)
    const content = presence == null ? '' : contentOf(presence)
    if (content === (before?.content ?? '')) return
    const said = before?.presence ?? this.#left.get(form)
    this.#left.delete(form)
    this.forget(form)
    this.#forgetOld()
    if (presence != null) {
      const first = Math.max(this.#init.clock.now(), ...presence.announced.map(({ key }) => this.#mayBeSaidFrom(key)))
      const announcements = Array.from({ length: ANNOUNCEMENTS }, (_, i) => first + ANNOUNCE_INTERVAL * (2 ** i - 1))
      this.#published.set(form, { presence, content, announcements })
      this.#arm()
    }
    await this.#send(said?.farewell(presence) ?? [])
  }

  /** What others may believe of us. */
  get said (): ReadonlyMap<Form, Presence> {
    return new Map([...this.#left, ...[...this.#published].map(([form, { presence }]) => [form, presence] as const)])
  }

  /** How long others may still believe what we last said under this name, ms; 0 when they may not. */
  believedFor (name: string): number {
    const { clock, ttl } = this.#init
    const sets = [...this.#published.values()].flatMap(({ presence }) => presence.sets).filter(set => set.name === name)
    return Math.max(0, ...sets.map(({ key }) => ttl + this.#spokenAt(key) - clock.now()))
  }

  /** Says nothing of it any more, not even goodbye: it may not be ours. */
  forget (form: Form): void {
    for (const { key } of this.#published.get(form)?.presence.sets ?? []) {
      this.#pending.delete(key)
      this.#doubts.forget(key)
    }
    this.#published.delete(form)
    this.#arm()
  }

  /** What was said so long ago that nobody believes it still is as good as never said; under a name that we gave up, for ever. */
  #forgetOld (): void {
    const { clock, ttl } = this.#init
    for (const key of this.#spoken.keys()) {
      if (clock.now() - this.#spokenAt(key) > ttl) this.#spoken.delete(key)
    }
  }

  /** Our own queries come back as well, and are answered like any other: what is asked anew for one host is so for all. */
  onQuery (packet: DecodedPacket, from: PacketSource): void {
    const held = this.#held.get(from.address)
    if (held != null) {
      held.asked = this.#unknown(held.asked, packet.answers, from)
      if (packet.questions.length === 0) return
    }
    const asked = this.#unknown(this.#askedFor(packet), packet.answers, from)
    if (asked.length === 0) return
    if (packet.flag_tc && held == null && this.#held.size < limits.mdnsSources) {
      const { clock, rng } = this.#init
      const timer = clock.setTimeout(() => this.#release(from.address), KNOWN_ANSWERS_DELAY + rng.float() * KNOWN_ANSWERS_SPREAD)
      this.#held.set(from.address, { asked, from, at: clock.now(), timer })
      return
    }
    this.#answer(asked, from, { at: this.#init.clock.now(), lists: packet.answers.length > 0 })
  }

  /** Somebody is new at `source`: it learns of us without having to ask, which is sooner, and survives a lost question. */
  greet (form: Form, { address: source }: PacketSource): void {
    const publication = this.#published.get(form)
    const now = this.#init.clock.now()
    const [set] = publication?.presence.announced ?? []
    if (set == null || !this.#mayGreet(now)) return
    this.#askers.greet(source, now)
    this.#doubts.add(source, set.key)
    this.#schedule(set, this.#spreadDelay(), ANSWER_INTERVAL)
  }

  close (): void {
    this.#due?.timer.cancel()
    this.#due = undefined
    for (const { timer } of this.#held.values()) timer.cancel()
    this.#held.clear()
    this.#published.clear()
    this.#pending.clear()
    this.#doubts.clear()
  }

  #release (source: string): void {
    const held = this.#held.get(source)
    this.#held.delete(source)
    if (held != null) this.#answer(held.asked, held.from, { at: held.at, lists: true })
  }

  #askedFor ({ questions, authorities }: Pick<DecodedPacket, 'questions' | 'authorities'>): Asked[] {
    const claimed = new Set(authorities.map(record => lowerName(record.name)))
    const asked = new Map<RecordSet, Asked>()
    for (const { name, type, class: klass } of questions) {
      // `as string`: a hostile packet holds any type and class, and so does an honest one. dns-packet has no name for
      // "IN, unicast answer welcome".
      const isUnicast = klass as string === 'UNKNOWN_32769'
      if (!isUnicast && klass !== 'IN' && klass !== 'ANY') continue
      const wanted = lowerName(name)
      for (const { presence: { sets } } of this.#published.values()) {
        const named = sets.filter(set => lowerName(set.name) === wanted)
        const meant = named.filter(set => set.type !== 'NSEC' && (set.type === type || type as string === 'ANY'))
        // We have the name and nothing of that type: that is an answer too.
        for (const set of meant.length > 0 ? meant : named.filter(set => set.type === 'NSEC')) {
          asked.set(set, { set, isUnicast: isUnicast && asked.get(set)?.isUnicast !== false, isProbe: isProbedFor(set) && claimed.has(wanted) })
        }
      }
    }
    return [...asked.values()]
  }

  /** Without what the asker lists as known with at least half its TTL left. RFC 6762 §7.1. */
  #unknown (asked: readonly Asked[], known: readonly Answer[], { address: source }: PacketSource): Asked[] {
    return asked.filter(({ set }) => {
      const isListed = set.records.every(record => known.some(answer => isFresh(answer, record) && isSameRecord(answer, record)))
      if (isListed) this.#doubts.settle(source, set.key)
      return !isListed
    })
  }

  #answer (asked: readonly Asked[], from: PacketSource, question: Pick<Asking, 'at' | 'lists'>): void {
    const now = this.#init.clock.now()
    const asking = { source: from.address, ...question }
    const toOne: RecordSet[] = []
    // One question is spread out, all answers to it go together.
    const delay = asked.some(({ set }) => set.isShared) ? this.#spreadDelay() : 0
    for (const { set, isUnicast, isProbe } of asked) {
      // Who probes for our name must be told, or takes it.
      if (isProbe) this.#schedule(set, 0, DEFENCE_INTERVAL)
      // RFC 6762 §5.4: what was not multicast for a quarter of its TTL is, whatever was asked for.
      else if (isUnicast && now - this.#spokenAt(set.key) < this.#init.ttl * UNICAST_SHARE) toOne.push(set)
      else if (this.#askers.isOwed(asking, this.#spoken.get(set.key) ?? [], now)) this.#schedule(set, delay, ANSWER_INTERVAL)
    }
    if (toOne.length === 0 || !this.#askers.mayBeTold(asking, now)) return
    for (const { presence } of this.#published.values()) {
      const sets = toOne.filter(set => presence.sets.includes(set))
      if (sets.length > 0) void this.#send(presence.pack(sets), from)
    }
  }

  #spreadDelay (): number {
    return ANSWER_DELAY + this.#init.rng.float() * ANSWER_SPREAD
  }

  #spokenAt (key: string): number {
    return this.#spoken.get(key)?.at(-1) ?? -Infinity
  }

  #mayBeSaidFrom (key: string, interval = ANSWER_INTERVAL): number {
    return this.#spokenAt(key) + interval
  }

  /** Says a set after `delay`, or when `interval` since the last time is over (a late answer, not none). */
  #schedule ({ key }: RecordSet, delay: number, interval: number): void {
    const at = Math.max(this.#init.clock.now() + delay, this.#mayBeSaidFrom(key, interval))
    if ((this.#pending.get(key) ?? Infinity) <= at) return
    this.#pending.set(key, at)
    this.#arm()
  }

  #arm (): void {
    const { clock } = this.#init
    const at = Math.min(this.#doubts.next, ...this.#pending.values(), ...[...this.#published.values()].map(({ announcements: [next = Infinity] }) => next))
    if (at === this.#due?.at) return
    this.#due?.timer.cancel()
    this.#due = at === Infinity ? undefined : { at, timer: clock.setTimeout(() => this.#speak(), Math.max(0, at - clock.now())) }
  }

  #speak (): void {
    const now = this.#init.clock.now()
    this.#due = undefined
    for (const { presence, announcements } of this.#published.values()) {
      const isAnnounced = announcements[0] != null && announcements[0] <= now
      if (isAnnounced) announcements.shift()
      const sets = presence.sets.filter(set => {
        const { key } = set
        const pending = this.#pending.get(key)
        if (pending != null && pending <= now) return true
        const isWanted = pending != null || (isAnnounced && presence.announced.includes(set)) || this.#doubts.isDue(key, now)
        return isWanted && this.#mayBeSaidFrom(key) <= now
      })
      if (sets.length === 0) continue
      for (const { key } of sets) {
        this.#pending.delete(key)
        this.#spoken.set(key, [...this.#spoken.get(key) ?? [], now].slice(-SURELY_HEARD))
        this.#doubts.said(key, now + REPEAT_DELAY + this.#init.rng.float() * REPEAT_SPREAD)
      }
      void this.#send(presence.pack(sets))
    }
    // A question whose known answers were waited for may have been about what is not ours any more.
    for (const [key, at] of this.#pending) {
      if (at <= now) this.#pending.delete(key)
    }
    this.#arm()
  }

  async #send (packets: readonly ResponseOutgoingPacket[], to?: PacketSource): Promise<void> {
    await Promise.all(packets.map(packet => this.#init.send(packet, to)))
  }
}

/** Whether others may be after its name: those that are random are nobody's to take, and are said as often as any other. */
function isProbedFor ({ records: [first] }: RecordSet): boolean {
  return first?.flush === true
}

function isFresh (known: Answer, { ttl = 0 }: SaidRecord): boolean {
  return known.type !== 'OPT' && (known.ttl ?? 0) >= ttl / 2
}
