/** One test of one store clause: makes stores, reads their changes, judges, and stops them. */
import { virtualClock, type Change, type PeerInfo, type PeerQuery, type PeerStore, type VirtualClock } from '@peerweave/interface'
import { ComplianceError, describeError } from './compliance-error.ts'
import type { PeerStoreSetup, StoreSupports, StoreWorld } from './store-setup.ts'

/** Runs one clause against a setup; rejects with a {@link ComplianceError} when it is broken. */
export async function runStoreTrial (setup: PeerStoreSetup, clause: string, check: (trial: StoreTrial) => Promise<void>): Promise<void> {
  const trial = new StoreTrial(setup, clause)
  try {
    await check(trial)
  } catch (error) {
    await trial.dispose().catch(() => {}) // the first error tells more
    if (error instanceof ComplianceError) throw error
    throw new ComplianceError(clause, `it threw ${describeError(error)}`, { cause: error })
  }
  await trial.dispose()
}

/** What one reader of the changes got. */
export interface Following {
  readonly changes: Change[]
  hasEnded: boolean
}

export class StoreTrial {
  readonly supports: Required<StoreSupports>
  readonly clock: VirtualClock = virtualClock()
  readonly cases: number
  readonly seed: number
  readonly #setup: PeerStoreSetup
  readonly #clause: string
  readonly #stores: PeerStore[] = []

  constructor (setup: PeerStoreSetup, clause: string) {
    this.supports = storeSupports(setup)
    this.cases = setup.cases ?? CASES
    this.seed = setup.seed ?? SEED
    this.#setup = setup
    this.#clause = clause
  }

  /** A started store. All of a trial that were not reopened share one time and one hash key. */
  async store ({ capacity }: { capacity?: number } = {}): Promise<PeerStore> {
    return this.#started(await this.#setup.create(this.#world(this.clock, capacity)))
  }

  /** The same data in a new process, `downtime` ms later. */
  async reopened (store: PeerStore, downtime: number): Promise<{ store: PeerStore, clock: VirtualClock }> {
    const { reopen } = this.#setup
    if (reopen == null) {
      throw new ComplianceError(this.#clause, 'the setup has no reopen(); give it one, or declare supports: { durable: false }')
    }
    await store.flush()
    await store.stop()
    this.#stores.splice(this.#stores.indexOf(store), 1)
    const clock = virtualClock({ now: BOOT, wall: this.clock.wall() + downtime })
    return { store: await this.#started(await reopen(store, this.#world(clock))), clock }
  }

  /** Reads all changes from now on. */
  async follow (store: PeerStore): Promise<Following> {
    const following: Following = { changes: [], hasEnded: false }
    void (async () => {
      for await (const change of store.changes) following.changes.push(change)
      following.hasEnded = true
    })().catch((error: unknown) => { following.changes.push({ kind: 'failed', error } as unknown as Change) })
    await this.clock.settle()
    return following
  }

  /** What `getPeers` gives. */
  async listed (store: PeerStore, query?: PeerQuery): Promise<PeerInfo[]> {
    return Array.fromAsync(store.getPeers(query))
  }

  /** Passes when `condition` holds; otherwise the clause is broken, and `seen` says what was seen. */
  expect (condition: boolean, seen: string | (() => string)): void {
    if (!condition) throw new ComplianceError(this.#clause, typeof seen === 'string' ? seen : seen())
  }

  /** Passes when both are the same as JSON. */
  equal (actual: unknown, expected: unknown, what: string): void {
    const [seen, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
    this.expect(seen === wanted, `${what}: expected ${wanted}, got ${seen}`)
  }

  /** Awaits what must come at once; `what` names it when it does not. */
  async soon<T> (what: string, work: Promise<T>): Promise<T> {
    let isPending = true
    const end = (): void => { isPending = false }
    work.then(end, end)
    for (let i = 0; i < PATIENCE && isPending; i++) await this.clock.settle()
    this.expect(!isPending, `${what} did not come`)
    return work
  }

  async dispose (): Promise<void> {
    for (const store of this.#stores) await store.stop()
  }

  #world (clock: VirtualClock, capacity?: number): StoreWorld {
    return { clock, capacity, hashKey: new Uint8Array(8) }
  }

  async #started (store: PeerStore): Promise<PeerStore> {
    this.#stores.push(store)
    await store.start()
    return store
  }
}

export function storeSupports ({ supports, reopen }: PeerStoreSetup): Required<StoreSupports> {
  return { durable: supports?.durable ?? reopen != null, changes: supports?.changes ?? true }
}

const CASES = 200

/** Settlings of the event loop. What must come has come after one or two. */
const PATIENCE = 20

/** Fixed, so that every run is the same run. */
const SEED = 20_260_101

/** Where the monotonic clock of a new process stands, ms: nowhere near the old one. */
const BOOT = 77
