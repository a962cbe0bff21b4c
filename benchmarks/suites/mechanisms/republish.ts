/**
 * Two nodes provide in a DHT of fifty whose other nodes are all replaced, ten a minute: one provides again every 30 s, the
 * other once. Neither holds records of others, so none is saved by the other's staying.
 */
import { seededRng, shuffle } from '@peerweave/interface'
import { createTestnet, type Place, type Testnet, type TestnetNode } from '@peerweave/testnet'
import { client, server, ours } from '../../mechanisms/ours.ts'
import { row } from '../../mechanisms/rows.ts'
import { NODES } from '../../mechanisms/stage.ts'
import type { Result } from '../../harness.ts'

/** ms. */
const REPUBLISH = 30_000
/** ms. Longer than the run. */
const ONCE = 3_600_000
/** ms between two replacements. */
const PACE = 6_000
/** Up when a node joins: whom it begins with. */
const BEGUN_WITH = 5
/** ms that a look-up may take. */
const PATIENCE = 5_000
/** Nodes that look when nobody is left of those who were there. */
const LAST_LOOKS = 10

const NAMESPACES = { again: 'provided-again', once: 'provided-once' }
type Kind = keyof typeof NAMESPACES

export async function * run (progress: (text: string) => void): AsyncGenerator<Result> {
  let kind: Kind | 'server' = 'server'
  await using net = await createTestnet(1, {
    seed: 1,
    pubsub: false,
    mechanisms: place => kind === 'server'
      ? server(seeds(place))
      : client(seeds(place), kind === 'again' ? REPUBLISH : ONCE)
  })
  const servers = [net.node(0)]
  while (servers.length < NODES - 2) servers.push(await net.add())
  kind = 'again'
  const again = await net.add()
  kind = 'once'
  const once = await net.add()
  kind = 'server'
  await ours.provider.ready(net.nodes)
  await ours.provider.provide(again, NAMESPACES.again)
  await ours.provider.provide(once, NAMESPACES.once)

  const providers = { again, once }
  const during = new Misses()
  const count = servers.length
  for (let i = 0; i < count; i++) {
    const next = performance.now() + PACE
    await servers.shift()?.crash()
    const newest = await net.add()
    servers.push(newest)
    await new Promise(resolve => setTimeout(resolve, PACE / 2))
    await during.look(newest, providers)
    progress(`${i + 1} of ${count} replaced; not found: ${during}`)
    await new Promise(resolve => setTimeout(resolve, Math.max(0, next - performance.now())))
  }
  const after = new Misses()
  for (const node of shuffle(seededRng(1), servers).slice(0, LAST_LOOKS)) await after.look(node, providers)
  progress(`all replaced; not found: ${after}`)
  yield row('provider not found while the others are replaced', '%', 'provided once', during.share('again'), during.share('once'))
  yield row('provider not found once the others are replaced', '%', 'provided once', after.share('again'), after.share('once'))
}

/** Of look-ups for both. */
class Misses {
  looks = 0
  readonly #counts = { again: 0, once: 0 }

  async look (node: TestnetNode, providers: Record<Kind, TestnetNode>): Promise<void> {
    this.looks++
    for (const kind of ['again', 'once'] as const) {
      const signal = AbortSignal.timeout(PATIENCE)
      const isFound = await ours.provider.find(node, NAMESPACES[kind], providers[kind].peerId.toString(), signal)
        .then(() => !signal.aborted, () => false)
      if (!isFound) this.#counts[kind]++
    }
  }

  share (kind: Kind): number {
    return 100 * this.#counts[kind] / this.looks
  }

  toString (): string {
    return `${this.#counts.again} and ${this.#counts.once} of ${this.looks}`
  }
}

/** The newest ones: they stay longest. */
function seeds ({ nodes }: Place): string[] {
  const up = nodes.filter(({ isUp }) => isUp).slice(-BEGUN_WITH)
  return up.flatMap(({ addresses }: Testnet['nodes'][number]) => addresses.map(String))
}
