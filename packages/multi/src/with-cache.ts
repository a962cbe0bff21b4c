/** A mechanism that is asked only now and then: in between its last answer stands. */
import {
  limits, numberOption, setLatest, type Claim, type DiscoveryMechanism, type Endpoint, type MechanismFactory, type Reporter, type Sighting
} from '@peerweave/interface'
import { CACHE_TTL } from './constants.ts'
import { originOf } from './origin.ts'
import { sayAgain, type Said } from './say-again.ts'
import { SharedRound } from './shared-round.ts'
import { wrapMechanism, type Wrapped, type WrapperOptions } from './wrap-mechanism.ts'
import type { PeerId } from '@libp2p/interface'

export interface CacheOptions extends WrapperOptions {
  /**
   * How long an answer stands, ms. Longer asks less, and finds newcomers later that do not tell of themselves.
   *
   * @default {@link CACHE_TTL}
   */
  ttl?: number | undefined
}

/** What the status says of it, as `cache`. */
export interface CacheFigures {
  /** Sightings kept. */
  readonly size: number
  /** Rounds that were answered without the mechanism. */
  readonly hits: number
}

/**
 * A round that comes within `ttl` ms after another had ended yields what was heard since that one began, asked for or
 * not, each with what is left of its TTL; whom a goodbye came of is not in it. Rounds asked at the same time share one.
 * A round that failed, or that all had left before its end, does not count, unless what it told is as much as is wanted
 * now. `findPeer` is always asked. A stop forgets everything.
 *
 * @throws TypeError naming a wrong option
 */
export function withCache<Made extends DiscoveryMechanism> (
  factory: MechanismFactory<Made>, options: CacheOptions = {}
): MechanismFactory<Wrapped<Made>> {
  return wrapMechanism('withCache', factory, options, ['ttl'], ({ clock }) => {
    const ttl = numberOption('ttl', options.ttl, CACHE_TTL, { min: 1, max: limits.ttlMax })
    let session = new AbortController().signal
    let hits = 0
    /** By namespace. BOUNDED by `limits.wrappedNamespaces`: the one asked longest ago is forgotten. */
    const answers = new Map<string | undefined, Answer>()

    const answerOf = (namespace: string | undefined): Answer => {
      const answer = answers.get(namespace) ?? new Answer()
      setLatest(answers, namespace, answer, limits.wrappedNamespaces)
      return answer
    }

    return {
      open (opened) {
        session = opened.signal
      },
      close: () => answers.clear(),
      async * round (ask, round) {
        const { namespace, limit, signal } = round
        const answer = answerOf(namespace)
        if (answer.shared == null && answer.isFresh(clock.now(), limit)) {
          hits++
          yield * answer.again(() => clock.now())
          return
        }
        const shared = answer.shared ??= new SharedRound({
          clock,
          namespace,
          limit,
          session,
          ask: async function * (round) {
            for await (const sighting of ask(round)) {
              answer.hear({ sighting, at: clock.now() })
              yield sighting
            }
          },
          onEnd (end) {
            answer.shared = undefined
            if (end.outcome === 'done') answer.freshen(shared.startedAt, clock.now() + ttl, end.isFull ? shared.limit : Infinity)
          }
        })
        let given = 0
        try {
          for await (const sighting of shared.read(signal)) {
            given++
            yield sighting
          }
        } finally {
          // Left, it is still an answer for the next one who wants no more.
          if (given > 0) answer.freshen(shared.startedAt, clock.now() + ttl, given)
        }
      },
      onNews (sighting) {
        const at = clock.now()
        if (sighting.kind !== 'withdraw') {
          // Whose namespace it is, it does not say.
          answers.get(undefined)?.hear({ sighting, at })
          return
        }
        for (const answer of answers.values()) {
          answer.forget(sighting.peerId)
          answer.shared?.forget(sighting.peerId)
        }
      },
      figures: (): { cache: CacheFigures } => {
        return { cache: Object.freeze({ hits, size: [...answers.values()].reduce((sum, { size }) => sum + size, 0) }) }
      }
    }
  })
}

/** What was heard in one namespace, and until when it is the answer. */
class Answer {
  shared: SharedRound | undefined
  /** By who, where and on whose word. BOUNDED by `limits.cachedSightings`: what was said longest ago goes. */
  readonly #heard = new Map<string, Said>()
  #since = -Infinity
  #until = -Infinity
  /** How many were asked for. */
  #enoughFor = 0

  get size (): number {
    return this.#heard.size
  }

  isFresh (now: number, limit: number): boolean {
    return now < this.#until && limit <= this.#enoughFor
  }

  freshen (since: number, until: number, enoughFor: number): void {
    // A round that was left early does not take the place of a whole one.
    if (enoughFor < this.#enoughFor && since <= this.#since) return
    this.#since = since
    this.#until = until
    this.#enoughFor = enoughFor
    for (const [key, { at }] of this.#heard) {
      if (at < since) this.#heard.delete(key)
    }
  }

  hear (said: Said): void {
    const { sighting } = said
    if (sighting.kind === 'withdraw') this.forget(sighting.peerId)
    else setLatest(this.#heard, keyOf(sighting), said, limits.cachedSightings)
  }

  /** All of it: a goodbye to one address leaves a record that still has it, and the next round tells the rest. */
  forget (id: PeerId): void {
    for (const [key, { sighting }] of this.#heard) {
      if (sighting.kind === 'claim' && sighting.peerId.equals(id)) this.#heard.delete(key)
    }
  }

  * again (now: () => number): Generator<Sighting> {
    for (const key of [...this.#heard.keys()]) {
      const said = this.#heard.get(key)
      if (said == null) continue // taken back while the reader was busy
      const sighting = sayAgain(said, now())
      if (sighting == null) this.#heard.delete(key)
      else yield sighting
    }
  }
}

function keyOf (sighting: Claim | Endpoint): string {
  const from = [originOf(sighting)?.path, ...nameOf(sighting.reporter)]
  const what = sighting.kind === 'claim' ? [sighting.peerId, ...sighting.multiaddrs] : [sighting.multiaddr]
  return JSON.stringify([from, what.map(String)])
}

function nameOf (reporter: Reporter = {}): Array<string | boolean | undefined> {
  return [reporter.configured, reporter.peer?.toString(), reporter.remoteAddr?.toString(), reporter.interface, reporter.domain]
}
