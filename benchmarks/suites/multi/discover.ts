/**
 * `discover({ need: 20 })` on a node of fifty that knows nobody, beside a `multi` that asks all its mechanisms at once, and
 * beside one with each of them alone. Usable is who answers a dial and proves to be that peer.
 */
import { bootstrap } from '@peerweave/bootstrap'
import { dht } from '@peerweave/dht'
import { gossip, gossipsubPreset } from '@peerweave/gossip'
import { multi, type Multi } from '@peerweave/multi'
import { createTestnet, type TestnetNode } from '@peerweave/testnet'
import { alone, beside, median, type Measured } from '../../harness.ts'
import { NODES } from '../../mechanisms/stage.ts'
import { until } from '../../mechanisms/until.ts'
import type { MechanismFactory } from '@peerweave/interface'

const RUNS = 30
const NEED = 20
/** ms. */
const DEADLINE = 10_000
/** ms in which nothing else may be going on. */
const QUIET = 500

const WITH: Record<string, (list: string[]) => MechanismFactory[]> = {
  bootstrap: list => [bootstrap({ list })],
  gossip: list => [bootstrap({ list, exchange: false }), gossip()],
  dht: list => [dht({ bootstrapNodes: list })]
}
const ALL = (list: string[]): MechanismFactory[] => [bootstrap({ list }), gossip(), dht({ bootstrapNodes: list })]

interface Asked {
  ms: number
  bytes: number
  dialled: number
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const names = Object.keys(WITH)
  /** By index; asked for again at each restart. */
  const special = new Map<number, typeof ALL>()
  await using net = await createTestnet(1, {
    seed: 1,
    pubsub: gossipsubPreset({ colocation: 'lan' }),
    mechanisms: ({ index, nodes }) => ({
      // Observers ask when they are told to; the others are a net as ever.
      discovery: multi({ mechanisms: (special.get(index) ?? ALL)(nodes.slice(0, 1).flatMap(({ addresses }) => addresses.map(String))), ...index >= NODES && { interval: Infinity } })
    })
  })
  while (net.nodes.length < NODES) await net.add()
  const observers = new Map<string, TestnetNode>()
  for (const [name, of] of [['all', ALL], ...Object.entries(WITH)] as const) {
    special.set(net.nodes.length, of)
    observers.set(name, await net.add())
  }
  progress('settling …')
  await until(async () => (await Promise.all(net.nodes.map(async node => (await Array.fromAsync(multiOf(node).peers())).length))).every(count => count >= NODES / 2), 60_000)

  const runs = new Map<string, Asked[]>([['some', []], ['all', []], ...names.map(name => [name, [] as Asked[]] as [string, Asked[]])])
  for (let run = 0; run < RUNS; run++) {
    for (const [name, results] of runs) results.push(await asked(observers.get(name === 'some' ? 'all' : name) as TestnetNode, name === 'some' ? NEED : Infinity))
    progress(`${run + 1} of ${RUNS}: ${[...runs].map(([name, results]) => `${name} ${Math.round(results.at(-1)?.ms ?? NaN)} ms ${results.at(-1)?.bytes} bytes`).join(', ')}`)
  }
  const figure = (name: string, key: keyof Asked): number => median((runs.get(name) ?? []).map(result => result[key]))
  const fastest = names.reduce((best, name) => figure(name, 'ms') < figure(best, 'ms') ? name : best)
  yield beside(`discover({ need: ${NEED} }), ${NEED} usable`, 'ms', `${fastest} alone, the fastest`, { ours: figure('some', 'ms'), baseline: figure(fastest, 'ms') })
  yield beside(`discover({ need: ${NEED} }), sent and received`, 'bytes', 'asking all', { ours: figure('some', 'bytes'), baseline: figure('all', 'bytes') })
  for (const name of names) yield alone(`discover({ need: ${NEED} }) with ${name} alone`, figure(name, 'ms'), 'ms')
}

/** From a start with nothing remembered to so many usable peers; `need` is what `discover` is told. */
async function asked (node: TestnetNode, need: number): Promise<Asked> {
  await node.stop()
  const before = { ...node.traffic }
  const begun = performance.now()
  await node.start()
  const discovered = multiOf(node).discover({ need, deadline: DEADLINE })
  let usable = 0
  let dialled = 0
  const dials: Array<Promise<void>> = []
  const enough = Promise.withResolvers<void>()
  const found = (async () => {
    for await (const { peerId, addresses } of discovered) {
      dialled++
      dials.push((async () => {
        try {
          await node.libp2p.dial(addresses.slice(0, 8).map(({ multiaddr }) => multiaddr.encapsulate(`/p2p/${peerId}`)))
          if (++usable === NEED) enough.resolve()
        } catch { /* not usable */ }
      })())
      if (usable >= NEED) return
    }
    await Promise.all(dials)
  })().catch(() => {}) // nobody answered: not enough were usable
  await Promise.race([enough.promise, found])
  const ms = usable >= NEED ? performance.now() - begun : Infinity
  const bytes = node.traffic.sent - before.sent + node.traffic.received - before.received
  await Promise.all([found, ...dials])
  await new Promise(resolve => setTimeout(resolve, QUIET))
  return { ms, bytes, dialled }
}

function multiOf ({ services }: TestnetNode): Multi {
  return (services as unknown as { discovery: Multi }).discovery
}
