/**
 * A mechanism that fails is left alone for a while, longer each time. As go-libp2p's `p2p/discovery/backoff`, which waits
 * after every round; here what works is asked as often as anybody likes.
 */
import {
  backoff, BackoffError, clampMs, limits, numberOption, PeerweaveError, setLatest, TimeoutError, toError
} from '@peerweave/interface'
import { BACKOFF } from './constants.ts'
import { SharedRound, type SharedEnd } from './shared-round.ts'
import { wrapMechanism, type Wrapped, type WrapperOptions, type WrapperParts } from './wrap-mechanism.ts'
import type { DiscoveryMechanism, MechanismFactory } from '@peerweave/interface'

export interface BackoffOptions extends WrapperOptions {
  /** ms of the first wait, doubled by each failure in a row; how much of it is waited is drawn. @default {@link BACKOFF} */
  base?: number | undefined
  /** The longest wait, ms, also where the mechanism itself asks for a longer one. @default {@link BACKOFF} */
  cap?: number | undefined
}

/** What the status says of it, as `backoff`. */
export interface BackoffFigures {
  /** ms until it is asked again, the longest of all namespaces; 0: at any time. */
  readonly wait: number
  /** Rounds and announcements that were not made, because one had failed a moment before. */
  readonly held: number
}

/**
 * After a failed round, or one that heard nothing until its deadline, the mechanism is not asked again before a jittered
 * exponential back-off, or for as long as the error's `retryAfter` says. A round asked meanwhile fails at once with the
 * last error, whose `retryAfter` is what is left of the wait. Rounds asked at the same time share one. Announcements wait
 * in the same way, on their own account; namespaces do not wait for each other. A stop forgets the failures.
 *
 * An error without a code of its own comes as the `cause` of a `BackoffError`.
 *
 * @throws TypeError naming a wrong option
 */
export function withBackoff<Made extends DiscoveryMechanism> (
  factory: MechanismFactory<Made>, options: BackoffOptions = {}
): MechanismFactory<Wrapped<Made>> {
  return wrapMechanism('withBackoff', factory, options, ['base', 'cap'], parts => {
    const { clock } = parts
    const base = numberOption('base', options.base, Math.min(BACKOFF.base, options.cap ?? Infinity), { min: 1, max: limits.ttlMax })
    const cap = numberOption('cap', options.cap, Math.max(BACKOFF.cap, base), { min: base, max: limits.ttlMax })
    const wait = { base, cap }
    let session = new AbortController().signal
    let held = 0
    /** By namespace. BOUNDED by `limits.wrappedNamespaces`: the one asked longest ago is forgotten, with its wait. */
    const rounds = new Map<string | undefined, Failures & { shared?: SharedRound | undefined }>()
    const announcements = new Map<string | undefined, Failures>()

    const of = <Kept extends Failures>(kept: Map<string | undefined, Kept>, namespace: string | undefined): Kept => {
      const failures = kept.get(namespace) ?? new Failures(parts, wait) as Kept
      setLatest(kept, namespace, failures, limits.wrappedNamespaces)
      return failures
    }
    const throwIfWaiting = (failures: Failures): void => {
      const error = failures.pending
      if (error == null) return
      held++
      throw error
    }

    return {
      open (opened) {
        session = opened.signal
      },
      close () {
        rounds.clear()
        announcements.clear()
      },
      async * round (ask, { namespace, limit, signal }) {
        const failures = of(rounds, namespace)
        if (failures.shared == null) {
          throwIfWaiting(failures)
          const onEnd = (end: SharedEnd): void => {
            failures.shared = undefined
            if (end.outcome === 'failed') failures.add(end.error)
            else if (end.outcome === 'done' || end.heard > 0) failures.clear()
          }
          failures.shared = new SharedRound({ clock, ask, namespace, limit, session, onEnd })
        }
        try {
          yield * failures.shared.read(signal)
        } catch (error) {
          throw signal.aborted ? error : failures.pending ?? error
        }
      },
      onNews (sighting) {
        if (sighting.kind !== 'withdraw') return
        for (const { shared } of rounds.values()) shared?.forget(sighting.peerId)
      },
      async announceSelf (announce, { namespace, signal }) {
        const failures = of(announcements, namespace)
        throwIfWaiting(failures)
        try {
          const granted = await announce()
          failures.clear()
          return granted
        } catch (error) {
          // Whoever gives up does not make it a failure of the mechanism's; a deadline does.
          if (signal.aborted && !(signal.reason instanceof TimeoutError)) throw error
          throw failures.add(toError(error))
        }
      },
      figures (): { backoff: BackoffFigures } {
        const waits = [...rounds.values(), ...announcements.values()].map(failures => failures.left)
        return { backoff: Object.freeze({ wait: Math.max(0, ...waits), held }) }
      }
    }
  })
}

/** Failures of one kind, one after the other. */
class Failures {
  readonly #parts: WrapperParts
  readonly #wait: { base: number, cap: number }
  #inRow = 0
  #last: Error | undefined
  #until = -Infinity

  constructor (parts: WrapperParts, wait: { base: number, cap: number }) {
    this.#parts = parts
    this.#wait = wait
  }

  /** ms until it may be tried again. */
  get left (): number {
    return Math.max(0, this.#until - this.#parts.clock.now())
  }

  /** The last error, with what is left of the wait; `undefined` when there is none to wait for. */
  get pending (): Error | undefined {
    const { left } = this
    return left > 0 && this.#last != null ? withRetryAfter(this.#parts.name, this.#last, left) : undefined
  }

  /** @returns as {@link Failures.pending} */
  add (error: Error): Error {
    this.#inRow++
    this.#last = error
    const { clock, rng } = this.#parts
    const asked: unknown = error instanceof PeerweaveError ? error.retryAfter : undefined
    const wait = typeof asked === 'number' ? clampMs(asked, 0, this.#wait.cap) : 0
    this.#until = clock.now() + Math.max(backoff(rng, this.#inRow, this.#wait), wait)
    return this.pending ?? error
  }

  clear (): void {
    this.#inRow = 0
    this.#last = undefined
    this.#until = -Infinity
  }
}

/** The same error with another `retryAfter`, and itself as the cause. */
function withRetryAfter (name: string, error: Error, retryAfter: number): Error {
  if (!(error instanceof PeerweaveError)) return new BackoffError(`${name}: ${error.message}`, { cause: error, retryAfter })
  const own = { retryAfter: { value: retryAfter, enumerable: true }, cause: { value: error } }
  return Object.create(Object.getPrototypeOf(error), { ...Object.getOwnPropertyDescriptors(error), ...own }) as Error
}
