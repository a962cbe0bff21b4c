/** The mechanism under test, with its world, and everything that was heard of it. */
import process from 'node:process'
import { start, stop } from '@libp2p/interface'
import { describeError } from './compliance-error.ts'
import { PATIENCE, type Pace } from './pace.ts'
import { RoundRun } from './round-run.ts'
import { snapshot } from './snapshot.ts'
import type { DiscoverOptions, DiscoveryMechanism, MechanismStatus, Sighting } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { PlatformWatch } from './platform-watch.ts'
import type { Subject, World } from './setup.ts'

/** A sighting as it was given, and how it looked at that moment. */
export interface Heard {
  sighting: Sighting
  by: 'event' | 'round'
  looked: string
}

/** What the trial lends to its candidates. */
export interface Surroundings {
  readonly pace: Pace
  readonly watch: PlatformWatch
  /** Awaits what must end, while time passes; `what` names it when it does not. */
  settled: <T>(what: string, work: Promise<T>) => Promise<T>
}

/** What is held, by description, with how often. */
export type Holdings = ReadonlyMap<string, number>

export class Candidate {
  readonly world: World
  readonly subject: Subject
  readonly mechanism: DiscoveryMechanism
  /** What it held right after construction, and what of that the constructor took. */
  readonly initial: Holdings
  readonly constructorWork: string[]
  readonly heard: Heard[] = []
  readonly statuses: MechanismStatus[] = []
  /** How much had been heard when the last stop resolved. */
  atStop: { heard: number, statuses: number } = { heard: 0, statuses: 0 }
  roundsBegun = 0
  readonly #trial: Surroundings
  readonly #rounds = new Set<RoundRun>()

  constructor (trial: Surroundings, world: World, subject: Subject) {
    this.#trial = trial
    this.world = world
    this.subject = subject
    // Nothing is awaited in between, so every difference is the constructor's.
    const before = this.holdings()
    const callsBefore = trial.watch.calls.length
    this.mechanism = subject.mechanism()
    this.initial = this.holdings()
    this.constructorWork = [...more(before, this.initial), ...trial.watch.calls.slice(callsBefore)]
    this.mechanism.addEventListener('sighting', ({ detail }) => { this.#hear(detail, 'event') })
    this.mechanism.addEventListener('status', ({ detail }) => { this.statuses.push(detail) })
  }

  /** Starts it with all of libp2p's hooks. */
  async start (): Promise<void> {
    await this.#trial.settled('start()', start(this.mechanism))
  }

  /** Stops it with all of libp2p's hooks. */
  async stop (): Promise<void> {
    // Marked the moment it resolves: what comes a turn later is too late.
    const mark = (): void => { this.atStop = { heard: this.heard.length, statuses: this.statuses.length } }
    await this.#trial.settled('stop()', stop(this.mechanism).then(mark))
  }

  /** Starts from nothing, with one peer to find. */
  async started (): Promise<PeerId> {
    const id = await this.subject.provoke()
    await this.start()
    return id
  }

  /** Announces us, where it can. */
  async announce (): Promise<{ ttl: number } | undefined> {
    const { self, context } = this.world
    const announcing = this.mechanism.announceSelf?.({ peerId: self, multiaddrs: context.ports.host.addresses() })
    return announcing == null ? undefined : this.#trial.settled('announceSelf()', announcing)
  }

  /** Takes the announcement back, where it can. */
  async withdraw (): Promise<void> {
    await this.#trial.settled('withdrawSelf()', Promise.resolve(this.mechanism.withdrawSelf?.()))
  }

  /** Begins a round and pulls it to its end in the background. */
  round (options?: DiscoverOptions, pull: number = Infinity): RoundRun {
    this.roundsBegun++
    return this.pulled(() => this.mechanism.discoverPeers(options), pull)
  }

  /** As {@link round}, for any question. */
  pulled (ask: () => AsyncIterable<Sighting>, pull: number = Infinity): RoundRun {
    const round = new RoundRun(ask, sighting => { this.#hear(sighting, 'round') }, pull)
    this.#rounds.add(round)
    return round
  }

  /** Whether the peer is claimed, in an event or by asking, heard after the first `since`. Asks until then. */
  async finds (id: PeerId, since: number = 0): Promise<boolean> {
    const isFound = (): boolean => this.heard.slice(since).some(({ sighting }) => sighting.kind === 'claim' && sighting.peerId.equals(id))
    let round = this.round()
    const found = await this.#trial.pace.until(() => {
      if (isFound()) return true
      if (round.ended) round = this.round()
      return false
    }, PATIENCE)
    round.abandon()
    return found
  }

  /** As {@link finds}, for a peer that appears now. */
  async findsNewcomer (since: number = 0): Promise<boolean> {
    return this.finds(await this.subject.provoke(), since)
  }

  /** Why rounds failed, for messages about what was not found. */
  get failures (): string {
    const errors = new Set([...this.#rounds].filter(({ error }) => error != null).map(({ error }) => describeError(error)))
    return errors.size === 0 ? '' : `; its rounds failed with ${[...errors].slice(0, 3).join(', ')}`
  }

  /** Everything that it holds of the clock, the platform, the ports and the world outside. */
  holdings (): Holdings {
    const held = [
      ...Array<string>(this.world.clock.pending).fill('timer of its Clock'),
      ...this.#trial.watch.timers,
      // Timers are seen more sharply above; immediates are gone by the next turn.
      ...process.getActiveResourcesInfo().filter(type => type !== 'Timeout' && type !== 'Immediate').map(type => `${type} of the platform`),
      ...this.world.context.ports.leftovers(),
      ...this.subject.leftovers?.() ?? []
    ]
    const counts = new Map<string, number>()
    for (const thing of held) counts.set(thing, (counts.get(thing) ?? 0) + 1)
    return counts
  }

  /** Ends whatever is still open, however badly the mechanism takes it. */
  async dispose (): Promise<void> {
    for (const round of this.#rounds) round.abandon()
    await this.stop().catch(() => {})
    await this.subject.dispose?.()
  }

  #hear (sighting: Sighting, by: Heard['by']): void {
    this.heard.push({ sighting, by, looked: snapshot(sighting) })
  }
}

/** What there is more of in `after`, a line each. */
export function more (before: Holdings, after: Holdings): string[] {
  return [...after].flatMap(([thing, count]) => {
    const added = count - (before.get(thing) ?? 0)
    return added > 0 ? [`${added} × ${thing}`] : []
  })
}
