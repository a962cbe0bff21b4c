/**
 * One round for all who ask at the same time. It is asked only as fast as its fastest reader reads; who comes late gets
 * what was said before him first. When the last reader has left, it ends.
 */
import { limits, nextTurn, raceSignal, TimeoutError, toError, type Clock, type Deadline, type Sighting } from '@peerweave/interface'
import { sayAgain, type Said } from './say-again.ts'
import type { Ask } from './wrap-mechanism.ts'
import type { PeerId } from '@libp2p/interface'

/** How it ended. `left`: nobody wanted more of it. */
export type SharedEnd =
  | { readonly outcome: 'done', /** Whether there may be more than was asked for. */ readonly isFull: boolean }
  | { readonly outcome: 'failed', readonly error: Error }
  | { readonly outcome: 'left', /** Sightings until then. */ readonly heard: number }

export interface SharedRoundInit {
  clock: Clock
  ask: Ask
  namespace: string | undefined
  /** Sightings wanted by who asks first; others may want more. */
  limit: number
  /** Fires when the mechanism stops. */
  session: AbortSignal
  /** Called once. */
  onEnd: (end: SharedEnd) => void
}

/** A reader who waited so much of a round's time, and heard nothing, waited for one that hangs. */
const NEARLY_ALL = 0.9

export class SharedRound {
  readonly startedAt: number
  readonly #init: SharedRoundInit
  /** How many the mechanism is asked for. */
  readonly limit: number
  readonly #leave = new AbortController()
  readonly #deadline: Deadline
  readonly #source: AsyncIterator<Sighting>
  /** BOUNDED by `limit`, which is at most `limits.wrappedPerRound`. What was taken back since leaves a gap. */
  readonly #said: Array<Said | undefined> = []
  #heard = 0
  #readers = 0
  #pulling: Promise<void> | undefined
  #end: SharedEnd | undefined

  constructor (init: SharedRoundInit) {
    const { clock, ask, namespace, limit, session } = init
    this.#init = init
    this.startedAt = clock.now()
    this.limit = Math.min(Math.max(limit, limits.sightingsPerRound), limits.wrappedPerRound)
    this.#deadline = clock.deadline(limits.roundDeadline, session, this.#leave.signal)
    const round = { namespace, limit: this.limit, signal: this.#deadline.signal }
    // Asked when it is first read: what it throws there is the round's failure.
    this.#source = (async function * () { yield * ask(round) })()
  }

  /**
   * @param signal - of this reader alone
   * @throws what the mechanism threw, or TimeoutError when nothing was said within the time of a round
   */
  async * read (signal: AbortSignal): AsyncGenerator<Sighting> {
    const joined = this.#said.length
    let next = 0
    const isFirst = this.#readers++ === 0
    try {
      // It may be about to end, and who gives up at once is still to be heard.
      if (!isFirst) await raceSignal(nextTurn(), signal)
      for (;;) {
        while (next < this.#said.length) {
          const isBefore = next < joined
          const said = this.#said[next++]
          // A goodbye from before: what it took back was never told to this reader.
          if (said == null || (isBefore && said.sighting.kind === 'withdraw')) continue
          const sighting = sayAgain(said, this.#init.clock.now())
          if (sighting != null) yield sighting
        }
        if (this.#end?.outcome === 'failed') throw this.#end.error
        if (this.#end != null) return
        await raceSignal(this.#pull(), signal)
      }
    } finally {
      if (--this.#readers === 0) this.#finish(this.#hangsFor(signal) ? this.#timedOut(signal) : this.#left())
    }
  }

  /** Who joins from now on, or has not read it yet, is not told of this peer any more. */
  forget (id: PeerId): void {
    for (const [i, said] of this.#said.entries()) {
      if (said?.sighting.kind === 'claim' && said.sighting.peerId.equals(id)) this.#said[i] = undefined
    }
  }

  #pull (): Promise<void> {
    return this.#pulling ??= this.#step().finally(() => { this.#pulling = undefined })
  }

  async #step (): Promise<void> {
    const { signal } = this.#deadline
    try {
      const { done, value: sighting } = await this.#source.next()
      if (this.#end != null) return
      if (done === true) {
        this.#finish(!signal.aborted ? { outcome: 'done', isFull: false } : this.#timedOut(signal))
        return
      }
      if (sighting.kind === 'withdraw') this.forget(sighting.peerId)
      this.#said.push({ sighting, at: this.#init.clock.now() })
      this.#heard++
      if (this.#heard >= this.limit) this.#finish({ outcome: 'done', isFull: true })
    } catch (error) {
      this.#finish({ outcome: 'failed', error: toError(error) })
    }
  }

  #left (): SharedEnd {
    return { outcome: 'left', heard: this.#heard }
  }

  #hangsFor (signal: AbortSignal): boolean {
    const waited = this.#init.clock.now() - this.startedAt
    return signal.aborted && signal.reason instanceof TimeoutError && waited >= limits.roundDeadline * NEARLY_ALL
  }

  /** What a round comes to whose time is over. */
  #timedOut ({ reason }: AbortSignal): SharedEnd {
    if (!(reason instanceof TimeoutError)) return this.#left()
    return this.#heard > 0 ? { outcome: 'done', isFull: false } : { outcome: 'failed', error: reason }
  }

  #finish (end: SharedEnd): void {
    if (this.#end != null) return
    this.#end = end
    this.#leave.abort()
    this.#deadline.clear()
    this.#source.return?.().catch(() => {}) // left: what it still throws is no news
    this.#init.onEnd(end)
  }
}
