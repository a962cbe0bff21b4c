/** When we ask. */
import {
  ANSWER_DELAY, ANSWER_SPREAD, DETAILS, DETAILS_PER_SECOND, KNOWN_ANSWERS_DELAY, KNOWN_ANSWERS_SPREAD, QUERY_DELAY, QUERY_INTERVAL,
  QUERY_INTERVAL_FACTOR, QUERY_INTERVAL_MAX, QUERY_SPREAD, REFRESH_JITTER
} from './constants.ts'
import { queryPackets } from './query.ts'
import { lowerName, tokenBucket, type Clock, type Rng, type Timer, type TokenBucket } from '@peerweave/interface'
import type { Answer, Question } from 'dns-packet'
import type { QueryOutgoingPacket } from 'multicast-dns'
import type { DecodedPacket } from './transport.ts'

/** Who has just come asks so often himself: what others asked before, he did not hear the answers to. */
const OWN_QUESTIONS = 3
/** Of all who know a record that lapses, so many on average ask once more. Chosen: one packet may be lost, or two. */
const LAST_ASKERS = 3
/** Whoever answers a question at all has done so after this. */
const OTHERS_ANSWERED = KNOWN_ANSWERS_DELAY + KNOWN_ANSWERS_SPREAD + ANSWER_DELAY + ANSWER_SPREAD

export interface QuerierInit {
  clock: Clock
  rng: Rng
  /** The services that we look for. */
  services: readonly string[]
  /** What we know and need not be told: PTR records of the services with at least half their TTL left. */
  known: () => readonly Answer[]
  send: (packet: QueryOutgoingPacket) => void
}

export class Querier {
  readonly #init: QuerierInit
  readonly #questions: readonly Question[]
  #askedAt = -Infinity
  /** When another's question did for ours. */
  #sparedAt = -Infinity
  /** Another's question that may do for ours: what it lists as known goes on in further packets. */
  #othersAt = -Infinity
  /** Refreshes that wait for the answers to another's question. BOUNDED: they wait once, see {@link OTHERS_ANSWERED}. */
  #postponed: { needed: Array<() => boolean>, timer: Timer } | undefined
  readonly #mayAskFor: TokenBucket

  constructor (init: QuerierInit) {
    this.#init = init
    this.#questions = init.services.map(name => ({ name, type: 'PTR' }))
    this.#mayAskFor = tokenBucket(DETAILS_PER_SECOND, DETAILS, init.clock.now())
  }

  /**
   * Asks, unless it was asked within the last second: whoever would answer is about to, and RFC 6762 §5.2 wants no more.
   *
   * @param isSparable - another's question may do for it. One that was sent to us alone, or that nobody owes an answer,
   * does not, and cannot be told from others.
   */
  ask (isSparable = true): void {
    const { clock, known } = this.#init
    const now = clock.now()
    if (now - this.#askedAt < QUERY_INTERVAL || (isSparable && now - this.#sparedAt < QUERY_INTERVAL)) return
    this.#askedAt = now
    this.#send(this.#questions, known())
  }

  /**
   * Asks for what is about to lapse; after the answers to another's question, where one has just been put, and only if
   * still needed. It waits for another's once: whoever asks all the time must not keep us from asking.
   *
   * @param isLast - it lapses before it would be asked for again. A few of all who know it ask then whatever others did.
   * @param hosts - how many they are
   */
  refresh (isNeeded: () => boolean, isLast: boolean, hosts: number): void {
    const { clock, rng } = this.#init
    if (isLast && rng.float() * hosts < LAST_ASKERS) {
      this.ask(false)
      return
    }
    if (this.#postponed != null) {
      this.#postponed.needed.push(isNeeded)
      return
    }
    const wait = this.#othersAt + OTHERS_ANSWERED - clock.now()
    if (wait <= 0) {
      this.ask()
      return
    }
    const needed = [isNeeded]
    const timer = clock.setTimeout(() => {
      this.#postponed = undefined
      if (needed.some(isNeeded => isNeeded())) this.ask()
    }, wait)
    this.#postponed = { needed, timer }
  }

  close (): void {
    this.#postponed?.timer.cancel()
    this.#postponed = undefined
  }

  /**
   * Asks for what is missing of single names, at once; or not at all, when others have made us ask too much of late: every
   * host here hears what they say, and would ask as well.
   */
  askFor (questions: readonly Question[]): void {
    if (questions.length > 0 && this.#mayAskFor(this.#init.clock.now())) this.#send(questions, [])
  }

  /**
   * Another's question does for ours when everyone whom ours would make speak has to answer it: it is the same, and
   * lists nothing as known that we do not know. RFC 6762 §7.3.
   */
  onQuery ({ questions, answers, flag_tc: goesOn, authorities }: DecodedPacket): void {
    if (authorities.length > 0) return
    const asks = (name: string): boolean =>
      questions.some(question => question.type === 'PTR' && question.class === 'IN' && lowerName(question.name) === name)
    if (!this.#init.services.every(asks)) return
    const now = this.#init.clock.now()
    this.#othersAt = now
    if (goesOn) return
    const known = new Set(this.#init.known().map(pointedTo))
    if (answers.every(answer => known.has(pointedTo(answer)))) this.#sparedAt = now
  }

  /** Asks soon, then less and less often (RFC 6762 §5.2), until aborted. */
  async run (signal: AbortSignal): Promise<void> {
    const { clock, rng } = this.#init
    await clock.sleep(QUERY_DELAY + rng.float() * QUERY_SPREAD, { signal })
    for (let asked = 0, interval = QUERY_INTERVAL; ; asked++, interval = Math.min(interval * QUERY_INTERVAL_FACTOR, QUERY_INTERVAL_MAX)) {
      this.ask(asked >= OWN_QUESTIONS)
      // Only ever longer: the intervals are minima.
      await clock.sleep(interval * (1 + rng.float() * REFRESH_JITTER), { signal })
    }
  }

  #send (questions: readonly Question[], known: readonly Answer[]): void {
    for (const packet of queryPackets(questions, known)) this.#init.send(packet)
  }
}

function pointedTo (answer: Answer): string | undefined {
  return answer.type === 'PTR' ? lowerName(answer.data) : undefined
}
