/** One test of one clause: makes worlds and candidates, waits, judges, and clears up. */
import { createClock, limits, seededRng, virtualClock, type Clock, type VirtualClock } from '@peerweave/interface'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { Candidate, type Surroundings } from './candidate.ts'
import { ComplianceError, describeError } from './compliance-error.ts'
import { complianceContext } from './compliance-context.ts'
import { memoryNetwork } from './memory-network.ts'
import { PATIENCE, realPace, virtualPace, type Pace } from './pace.ts'
import { PlatformWatch } from './platform-watch.ts'
import { StrayErrors } from './stray-errors.ts'
import type { MechanismSetup, Supports, World, WorldNode } from './setup.ts'

/** Runs one clause against a setup; rejects with a {@link ComplianceError} when it is broken. */
export async function runTrial (setup: MechanismSetup, clause: string, check: (trial: Trial) => Promise<void>): Promise<void> {
  using watch = new PlatformWatch()
  using strays = new StrayErrors()
  const trial = new Trial(setup, clause, watch)
  let broken: unknown
  await watch.run(async () => {
    try {
      await check(trial)
    } catch (error) {
      broken = error
    }
    await trial.dispose().catch((error: unknown) => { broken ??= error })
  })
  // First, because what reached the event loop is more often the cause of the rest than the other way round.
  const [stray] = strays.errors
  if (stray != null) throw new ComplianceError(clause, `nobody caught ${strays.errors.map(describeError).join(' and ')}`, { cause: stray })
  if (broken instanceof ComplianceError) throw broken
  if (broken != null) throw new ComplianceError(clause, `it threw ${describeError(broken)}`, { cause: broken })
}

export class Trial implements Surroundings {
  readonly supports: Required<Supports>
  readonly pace: Pace
  readonly watch: PlatformWatch
  readonly roundDeadline: number
  readonly #setup: MechanismSetup
  readonly #clause: string
  readonly #clock = virtualClock()
  readonly #network = memoryNetwork(this.#clock)
  readonly #rng = seededRng(SEED)
  readonly #candidates: Candidate[] = []

  constructor (setup: MechanismSetup, clause: string, watch: PlatformWatch) {
    this.#setup = setup
    this.#clause = clause
    this.watch = watch
    this.supports = { ...EVERYTHING, ...setup.supports }
    this.pace = this.supports.virtualClock ? virtualPace(this.#clock) : realPace()
    this.roundDeadline = setup.roundDeadline ?? limits.roundDeadline
  }

  /** A mechanism in a world of its own. All candidates of a trial share one time and one network. */
  async candidate (): Promise<Candidate> {
    const world: World = { ...await this.#node(), node: async () => this.#node() }
    const candidate = new Candidate(this, world, await this.#setup.create(world))
    this.#candidates.push(candidate)
    return candidate
  }

  /** Passes when `condition` holds; otherwise the clause is broken, and `seen` says what was seen. */
  expect (condition: boolean, seen: string | (() => string)): void {
    if (!condition) throw new ComplianceError(this.#clause, typeof seen === 'string' ? seen : seen())
  }

  /** Awaits what must end, while time passes; `what` names it when it does not. A rejection is thrown on. */
  async settled<T> (what: string, work: Promise<T>, within: number = PATIENCE): Promise<T> {
    let pending = true
    const end = (): void => { pending = false }
    work.then(end, end)
    await this.pace.until(() => !pending, within)
    this.expect(!pending, `${what} did not end ${within === 0 ? 'at once' : `within ${within} ms`}`)
    return work
  }

  async dispose (): Promise<void> {
    for (const candidate of this.#candidates) await candidate.dispose()
    // What is rejected now is still this test's.
    await this.pace.settle()
  }

  async #node (): Promise<WorldNode> {
    const seed = Uint8Array.from({ length: 32 }, () => this.#rng.int(256))
    const privateKey = await generateKeyPairFromSeed('Ed25519', seed)
    const context = await complianceContext({ network: this.#network, privateKey })
    return { self: context.ports.host.self, clock: countingClock(this.#clock), rng: seededRng(this.#rng.int(2 ** 31)), context }
  }
}

const EVERYTHING: Required<Supports> = {
  virtualClock: true, deadline: true, restart: true, goodbye: true, announce: true, hostile: true, failure: true
}

/** Fixed, so that every run is the same run. */
const SEED = 20_260_101

/** The same time, with timers counted apart: what the outside has pending is not the mechanism's. */
function countingClock (base: VirtualClock): VirtualClock {
  let pending = 0
  const clock: Clock = createClock({
    now: base.now,
    wall: base.wall,
    setTimeout (fn, ms) {
      let isPending = true
      const end = (): void => {
        if (isPending) pending--
        isPending = false
      }
      pending++
      const timer = base.setTimeout(() => {
        end()
        fn()
      }, ms)
      return {
        cancel: () => {
          end()
          timer.cancel()
        }
      }
    }
  })
  return {
    ...clock,
    advance: base.advance,
    settle: base.settle,
    stepWall: base.stepWall,
    get pending () {
      return pending
    }
  }
}
