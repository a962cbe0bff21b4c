/** The contract, clause by clause. Ids are stable: a new clause gets a new one, and a clause never changes its id. */
import {
  nothingLeftAfterStop, notStarted, noWorkInConstructor, restart, silentAfterStop, silentBeforeStart, startIdempotent, stopBeforeStart,
  stopIdempotent, stopWhileStarting
} from './checks/life-cycle.ts'
import { announce, capabilitiesTrue, failureShows, goodbye, statusTrue } from './checks/promises.ts'
import {
  abortAnywhere, abortedBefore, deadline, earlyExit, finds, joiningOrder, limit, signalsReleased, stopEndsRounds
} from './checks/rounds.ts'
import {
  askedOrNews, selfNeverReported, sightingsApart, sightingsImmutable, wellFormed, withdrawsOwnClaims
} from './checks/sightings.ts'
import { clockAndRngOnly, hostileInput, instancesApart } from './checks/surroundings.ts'
import type { Supports } from './setup.ts'
import type { Trial } from './trial.ts'

export interface Clause {
  readonly id: string
  /** What a mechanism owes, in one sentence. */
  readonly sentence: string
  /** Skipped where the setup declares one of these as `false`. */
  readonly needs: ReadonlyArray<keyof Supports>
  /** @internal */
  readonly check: (trial: Trial) => Promise<void>
}

/**
 * Each is one test. A clause whose premise does not hold (nothing is found to begin with) passes: the clause that says
 * so is `finds`, and one fault reads as one failure.
 */
export const clauses: readonly Clause[] = [
  clause('no-work-in-constructor', 'Constructing does no I/O, starts no timer and listens to nothing.', noWorkInConstructor),
  clause('silent-before-start', 'Before start nothing is emitted.', silentBeforeStart),
  clause('not-started', 'A round before start, or after stop, throws NotStartedError.', notStarted),
  clause('stop-before-start', 'Stopping what never started does nothing, and start works afterwards.', stopBeforeStart),
  clause('start-idempotent', 'Starting what is started or starting does nothing.', startIdempotent),
  clause('stop-idempotent', 'Stopping what is stopped or stopping does nothing.', stopIdempotent),
  clause('stop-while-starting', 'A stop that overtakes a start wins.', stopWhileStarting),
  clause('restart', 'After start, stop and start it finds peers again.', restart, ['restart']),
  clause('silent-after-stop', 'Once stop has resolved nothing is emitted, neither sighting nor status.', silentAfterStop),
  clause('nothing-left-after-stop', 'Once stop has resolved no timer, socket, listener or handler is left.', nothingLeftAfterStop),
  clause('stop-ends-rounds', 'A round under way ends when the mechanism stops.', stopEndsRounds),

  clause('finds', 'A peer that is there is found.', finds),
  clause('joining-order', 'It does not matter whether a peer or the mechanism was there first.', joiningOrder),
  clause('limit', 'A round gives no more sightings than it was asked for, and then ends.', limit),
  clause('deadline', 'A round ends by its deadline.', deadline, ['deadline', 'virtualClock']),
  clause('aborted-before', 'A signal that has already fired throws AbortError before any work.', abortedBefore),
  clause('abort-anywhere', 'Aborted at any await, a question ends at once with AbortError.', abortAnywhere),
  clause('early-exit', 'Leaving a round with `break` releases everything at once.', earlyExit),
  clause('signals-released', 'No listener stays on a signal when the question it came with is over.', signalsReleased),

  clause('self-never-reported', 'The own peer id is never reported, also when the outside reports it.', selfNeverReported),
  clause('well-formed', 'Sightings are of a known kind, with a finite ttl above 0 and a bounded array of multiaddrs.', wellFormed),
  clause('withdraws-own-claims', 'Only what was claimed is withdrawn.', withdrawsOwnClaims),
  clause('asked-or-news', 'A sighting is yielded to whoever asked or emitted as news, never both.', askedOrNews),
  clause('sightings-immutable', 'A sighting does not change after it was given.', sightingsImmutable),
  clause('sightings-apart', 'Whatever a reader does to a sighting, the next one is sound.', sightingsApart),
  clause('hostile-input', 'Hostile input is dropped and counted, never thrown, and finding goes on.', hostileInput, ['hostile']),

  clause('status-true', 'State follows the life cycle, in status() and events, and counters count what happened.', statusTrue),
  clause('failure-shows', 'A failed round is counted, and its error is the last error.', failureShows, ['failure']),
  clause('capabilities-true', 'Capabilities say what methods, symbols and events then do.', capabilitiesTrue),
  clause('announce', 'Announcing resolves with a finite ttl above 0.', announce, ['announce']),
  clause('goodbye', 'The outside holds an announcement until it is withdrawn, and no longer.', goodbye, ['announce', 'goodbye']),
  clause('instances-apart', 'Two instances in one process do not disturb each other.', instancesApart),
  clause('clock-and-rng-only', 'Time and chance come only from Clock and Rng.', clockAndRngOnly, ['virtualClock'])
]

function clause (id: string, sentence: string, check: Clause['check'], needs: Clause['needs'] = []): Clause {
  return { id, sentence, needs, check }
}
