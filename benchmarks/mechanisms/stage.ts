/** A net of real nodes of one side, TCP and noise on loopback. */
import { createTestnet, type TestnetNode, type Testnet, type TestnetOptions, type Mechanisms, type PubSubOption } from '@peerweave/testnet'
import { until } from './until.ts'
import type { Libp2pOptions } from 'libp2p'
import type { Finder, Side } from './sides.ts'

export const NODES = 50
/** Nodes whose addresses everybody is configured with. */
export const SEEDS = 1
/** Nodes of a net that start at once, lest the start be one storm; the next ones follow when these are connected. */
const BATCH = 5
/** ms that a batch is waited for. */
const BATCH_DEADLINE = 3_000
/** ms in which nobody learned anything. */
const RIPENING = 5_000
/** ms after settling, for what is still under way: look-ups, first announcements. */
const REST = 10_000
/** ms. */
const SETTLE_DEADLINE = 60_000

export interface StageOptions extends Pick<TestnetOptions, 'wiring' | 'seed'> {
  /** @default {@link NODES} */
  nodes?: number
  /** Over the side's. */
  libp2p?: Libp2pOptions
}

/** Resolves when all are up, and connected where the side connects to whom it is configured with. */
export async function openStage (side: Side, { nodes = NODES, libp2p, ...options }: StageOptions = {}): Promise<Testnet> {
  const seedsOf = (others: readonly TestnetNode[]): string[] => others.slice(0, SEEDS).flatMap(({ addresses }) => addresses.map(String))
  const atOnce = options.wiring == null ? Math.min(SEEDS, nodes) : nodes
  const net = await createTestnet<Mechanisms, PubSubOption>(atOnce, {
    seed: 1,
    ...options,
    pubsub: side.pubsub ?? false,
    mechanisms: place => side.mechanisms(place, seedsOf(place.nodes)),
    libp2p: place => ({ ...side.libp2p?.(place, seedsOf(place.nodes)), ...libp2p })
  })
  while (net.nodes.length < nodes) {
    const batch: TestnetNode[] = []
    for (let i = 0; i < BATCH && net.nodes.length < nodes; i++) batch.push(await net.add())
    await until(() => batch.every(node => node.libp2p.getConnections().length > 0), BATCH_DEADLINE)
  }
  return net
}

/** Nodes of the net that the node knows an address of. */
export async function knownTo (node: TestnetNode, net: Testnet, side: Finder): Promise<number> {
  const up = new Set(net.nodes.filter(({ isUp }) => isUp).map(({ peerId }) => peerId.toString()))
  return (await side.known(node)).filter(id => up.has(id)).length
}

/**
 * Until everybody knows nine in ten of the net, or the deadline is over. Where nobody learns any more, all are ripened.
 * Resolves with what the least knowing knows.
 */
export async function settle (net: Testnet, side: Finder): Promise<number> {
  let least = 0
  let sum = -1
  let quietSince = performance.now()
  await until(async () => {
    const counts = await Promise.all(net.nodes.map(async node => await knownTo(node, net, side)))
    least = Math.min(...counts)
    const now = counts.reduce((a, b) => a + b, 0)
    if (now !== sum) quietSince = performance.now()
    sum = now
    if (performance.now() - quietSince > RIPENING) {
      for (const node of net.nodes) await side.ripen?.(node)
      quietSince = performance.now()
    }
    return least >= 0.9 * (counts.length - 1)
  }, SETTLE_DEADLINE)
  await new Promise(resolve => setTimeout(resolve, REST))
  return least
}

export interface Joined {
  /** ms after the start at which the n-th peer was known, by n; `Infinity`: not by the deadline. */
  times: Map<number, number>
  /** Known at the end. */
  known: number
}

export interface Following {
  /** Numbers of peers whose times are wanted. */
  marks: readonly number[]
  /** The others, whom it may get to know. */
  others: readonly TestnetNode[]
  /** ms. */
  deadline: number
}

/**
 * Starts a node and follows what it learns, until it knows all or the deadline is over. It counts what it is told: a poll
 * would cost what it measures.
 */
export async function follow (node: TestnetNode, side: Finder, { marks, others, deadline }: Following): Promise<Joined> {
  const times = new Map(marks.map(mark => [mark, Infinity]))
  const unknown = new Set(others.map(({ peerId }) => peerId.toString()))
  const all = Promise.withResolvers<void>()
  let started = 0
  side.watch(node, id => {
    if (!unknown.delete(id)) return
    const known = others.length - unknown.size
    if (times.has(known)) times.set(known, performance.now() - started)
    if (unknown.size === 0) all.resolve()
  })
  started = performance.now()
  await node.start()
  const timer = setTimeout(all.resolve, deadline - (performance.now() - started))
  await all.promise
  clearTimeout(timer)
  return { times, known: others.length - unknown.size }
}
