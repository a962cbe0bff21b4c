/** A round: all domains read side by side, and what that says of the servers. */
import { DnsError, TimeoutError, toError, type Claim, type Clock, type Endpoint, type Session } from '@peerweave/interface'

/** One reading of one domain. */
export interface Reader {
  /** @param lapsed - told why, when what has lapsed is served */
  (signal: AbortSignal, lapsed: (failure: Error) => void): Found
}

export interface RoundsInit {
  readers: readonly Reader[]
  session: Session
  clock: Clock
  /** Of the last question, while none was answered since. */
  failure: () => Error | undefined
}

type Found = AsyncGenerator<Claim | Endpoint>

export class Rounds {
  readonly #init: RoundsInit
  #recover: (() => void) | undefined

  constructor (init: RoundsInit) {
    this.#init = init
  }

  /** What comes first first. @throws DnsError when no domain could be read */
  async * round (signal: AbortSignal): Found {
    const { clock } = this.#init
    const errors: Error[] = []
    let lapsed: Error | undefined
    const left = new AbortController()
    const end = clock.deadline(Infinity, signal, left.signal)
    const readers = this.#init.readers.map(read => read(end.signal, failure => { lapsed ??= failure }))
    const pending = new Map(readers.map(reader => [reader, next(reader)]))
    let found = 0
    try {
      while (pending.size > 0) {
        const { reader, result, error } = await Promise.race(pending.values())
        if (error != null) errors.push(error)
        if (result == null || result.done === true) {
          pending.delete(reader)
          continue
        }
        pending.set(reader, next(reader))
        found++
        yield result.value
      }
    } finally {
      left.abort() // each is asked for its next one already, and would be waited for; it clears the deadline as well
      await Promise.allSettled([...pending.keys()].map(async reader => reader.return(undefined)))
    }
    // Whoever gave up says nothing of the servers; that time was up does.
    if (signal.aborted && !(signal.reason instanceof TimeoutError)) return
    const failure = errors.length > 1 ? together(errors, readers.length) : errors[0] ?? lapsed ?? this.#init.failure()
    this.#settle(failure)
    if (errors.length === readers.length && found === 0 && failure != null) throw failure
  }

  /** The new state before the old one ends: `running` in between would be told to listeners. */
  #settle (failure: Error | undefined): void {
    const before = this.#recover
    this.#recover = failure == null ? undefined : this.#init.session.degrade(failure)
    before?.()
  }
}

function together (errors: readonly Error[], of: number): Error {
  const what = errors.map(({ message }) => message).join('; ')
  return new DnsError(`${errors.length} of ${of} look-ups failed: ${what}`, { cause: new AggregateError(errors) })
}

async function next (reader: Found): Promise<{ reader: Found, result?: IteratorResult<Claim | Endpoint>, error?: Error }> {
  try {
    return { reader, result: await reader.next() }
  } catch (error) {
    return { reader, error: toError(error) }
  }
}
