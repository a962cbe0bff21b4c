/** What an author hands to the suite: how to build the mechanism and the world around it. */
import type { DiscoveryMechanism, Rng, VirtualClock } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { ComplianceContext } from './compliance-context.ts'

export interface MechanismSetup {
  name: string
  /** What the mechanism cannot do, each as `false`; the clauses that need it are reported as skipped. */
  supports?: Supports
  /** How long one round may take, ms. @default limits.roundDeadline */
  roundDeadline?: number
  /** Builds a fresh world for one test, without making the mechanism yet. */
  create: (world: World) => Subject | Promise<Subject>
}

/** Everything is supported unless it is `false` here. A mechanism of ours may leave out only the last three. */
export interface Supports {
  /** All its time comes from `world.clock`, all its chance from `world.rng`. Without it the suite waits in real time. */
  virtualClock?: boolean
  /** A round ends by itself within `roundDeadline`. */
  deadline?: boolean
  /** It can be started again after it was stopped. */
  restart?: boolean
  /** `withdrawSelf` is heard outside. */
  goodbye?: boolean
  /** `announceSelf` and `withdrawSelf` are there. */
  announce?: boolean
  /** Something from outside can be malformed: {@link Subject.hostile}. */
  hostile?: boolean
  /** A round can fail: {@link Subject.fail}. */
  failure?: boolean
}

/** One node of the in-memory network, with a clock that counts the timers of this node alone. */
export interface WorldNode {
  readonly self: PeerId
  readonly clock: VirtualClock
  /** Seeded: a failing test fails again. */
  readonly rng: Rng
  readonly context: ComplianceContext
}

/** The node that the mechanism under test runs on. What `create` puts around it belongs on other nodes. */
export interface World extends WorldNode {
  /** Another node on the same network and in the same time. */
  node: () => Promise<WorldNode>
}

export interface Subject {
  /** Makes the mechanism. Called once; the suite watches what it does. */
  mechanism: () => DiscoveryMechanism
  /**
   * Lets the mechanism find one more peer, and resolves with its id; may be called at any time, started or not. A
   * mechanism with a fixed list returns a peer of that list.
   */
  provoke: () => PeerId | Promise<PeerId>
  /** Makes the outside report our own id. A fixed list simply contains it from the beginning. */
  echo: () => void | Promise<void>
  /** Sends what a hostile peer would send; resolves when it is on its way. */
  hostile?: () => void | Promise<void>
  /** Makes the next round fail, once. */
  fail?: () => void | Promise<void>
  /** Whether the outside holds our announcement. */
  announced?: () => boolean | Promise<boolean>
  /** What the mechanism holds of this world: an in-memory socket, a subscription. Must be empty after stop. */
  leftovers?: () => string[]
  /** Gives back what `create` and the rest took. The mechanism has been stopped. */
  dispose?: () => void | Promise<void>
}
