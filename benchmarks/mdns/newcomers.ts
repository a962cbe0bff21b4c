/** How long it takes until a newcomer and the ten who were there see each other. */
import { setTimeout as sleep } from 'node:timers/promises'
import { PeerProcess, settledPeers } from './peer-process.ts'
import type { Stage } from './stage.ts'

/** ms. Nobody joins or leaves for as long before each join: whoever may answer once a second only may by then. */
const QUIET = 3_000

export const RESIDENTS = 10
/** Of them and the newcomer. */
export const HOSTS: number = RESIDENTS + 1

/** ms from just before the newcomer started, for each join and each of the ten; `Infinity`: not within the deadline. */
export interface Sights {
  seenByOthers: number[]
  seesOthers: number[]
}

export class Group {
  readonly sights: Sights = { seenByOthers: [], seesOthers: [] }
  readonly #residents: readonly PeerProcess[]
  readonly #newcomer: PeerProcess
  #quietAt = performance.now() + QUIET

  /** Settled: all see all. */
  static async open ({ places }: Stage, theirs: boolean): Promise<Group> {
    const [first, ...rest] = places.slice(0, HOSTS)
    if (first == null) throw new RangeError('a stage without places')
    const newcomer = await PeerProcess.start(first, theirs)
    return new Group(await settledPeers(rest, theirs), newcomer)
  }

  private constructor (residents: readonly PeerProcess[], newcomer: PeerProcess) {
    this.#residents = residents
    this.#newcomer = newcomer
  }

  /** A newcomer joins when it has been quiet, and leaves when all is seen, or after `deadline` ms. */
  async join (deadline: number): Promise<void> {
    const newcomer = this.#newcomer
    await sleep(Math.max(0, this.#quietAt - performance.now()))
    await newcomer.join()
    const end = performance.now() + deadline
    while (!this.#residents.every(({ id, seen }) => seen.has(newcomer.id) && newcomer.seen.has(id)) && performance.now() < end) await sleep(5)
    for (const { id, seen } of this.#residents) {
      this.sights.seenByOthers.push((seen.get(newcomer.id) ?? Infinity) - newcomer.joinedAt)
      this.sights.seesOthers.push((newcomer.seen.get(id) ?? Infinity) - newcomer.joinedAt)
    }
    await newcomer.leave()
    this.#quietAt = performance.now() + QUIET
  }

  async close (): Promise<void> {
    await Promise.all([this.#newcomer, ...this.#residents].map(peer => peer.stop()))
  }
}

/** Those of several groups together. */
export function allSights (groups: readonly Group[]): Sights {
  return {
    seenByOthers: groups.flatMap(({ sights }) => sights.seenByOthers),
    seesOthers: groups.flatMap(({ sights }) => sights.seesOthers)
  }
}

/** For progress lines. */
export function describeSights ({ seenByOthers, seesOthers }: Sights): string {
  const describe = (times: number[]): string => `${times.length} (${times.filter(time => time === Infinity).length} never)`
  return `seen by others ${describe(seenByOthers)}, sees others ${describe(seesOthers)}`
}
