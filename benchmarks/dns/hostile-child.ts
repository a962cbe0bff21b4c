/**
 * A process of its own for each hostile answer, in which nothing is compiled yet: `node hostile-child.ts WHO INDEX [SERVER]`.
 * Writes {@link Cost}. WHO is `ours` or `dns2`, which decode the answer, or `look-up`: the whole way from a server that
 * gives it, over UDP and TCP.
 */
import { nextTurn, systemClock, systemRng } from '@peerweave/interface'
import { Packet } from 'dns2'
import { HOSTILE } from './hostile-messages.ts'
import { median } from '../harness.ts'
import { collectGarbage } from '../peer-store/collect-garbage.ts'
import { TurnWatch } from '../peer-store/turn-watch.ts'
import { dnsClient } from '../../packages/dns/src/client/client.ts'
import { encodeQuestion, readAnswer } from '../../packages/dns/src/client/message.ts'
import { readService } from '../../packages/dns/src/read/service.ts'
import { resolver } from '../../packages/dns/src/resolver/resolver.ts'

export interface Cost {
  /** Of the event loop, in one turn: of the worst repeat, the first one among them. */
  ms: number
  /**
   * Of the heap and beside it, from a forced collection until it was done, without another: of the median repeat. In the
   * first ones is what the engine writes down of the code.
   */
  bytes: number
}

/** Some of dns2's take seconds. */
const REPEATS = { ours: 15, 'look-up': 15, dns2: 5 }
const SERVICE = 'a'
const DOMAIN = 'example.test'
const NAME = `_${SERVICE}._tcp.${DOMAIN}`

const [who, index, server = ''] = process.argv.slice(2) as [keyof typeof REPEATS, string, string?]
const hostile = HOSTILE[Number(index)]
if (hostile === undefined) throw new RangeError(`no hostile answer ${index}`)
const { type, answer } = hostile
const drop = (): void => {}
const clock = systemClock()
const rng = systemRng()

const costs: Cost[] = []
for (let i = 0; i < REPEATS[who]; i++) costs.push(who === 'look-up' ? await lookUp() : await decode())
const cost: Cost = { ms: Math.max(...costs.map(({ ms }) => ms)), bytes: median(costs.map(({ bytes }) => bytes)) }
console.log(JSON.stringify(cost))

async function decode (): Promise<Cost> {
  const question = encodeQuestion({ id: 7, name: NAME, type, hasEdns: true })
  const message = answer(question)
  const before = await heap()
  const started = performance.now()
  let read: unknown
  try {
    read = who === 'dns2' ? Packet.parse(message) : readAnswer(message, question, drop)
  } catch (error) {
    read = error
  }
  const ms = performance.now() - started
  const bytes = heldSince(before)
  if (read === undefined) throw new Error('the answer was taken for none')
  return { ms, bytes }
}

async function lookUp (): Promise<Cost> {
  const client = dnsClient({ servers: [server] })
  const alone = resolver({ query: client.query, clock, rng, drop })
  const before = await heap()
  const found = await alone.resolve(NAME, type).catch((error: unknown) => error)
  const bytes = heldSince(before)
  if (found === undefined) throw new Error('nothing came of it')

  const watch = new TurnWatch()
  let isDone = false
  const watched = watch.watch(() => !isDone, async () => {})
  const init = { resolver: resolver({ query: client.query, clock, rng, drop }), clock, rng, drop }
  try {
    await Array.fromAsync(readService(init, { domain: DOMAIN, service: SERVICE, transport: 'tcp' }))
  } catch {
    // As it should be of most.
  }
  isDone = true
  await watched
  await client.close()
  return { ms: watch.longest(0), bytes }
}

async function heap (): Promise<NodeJS.MemoryUsage> {
  // What is beside the heap is given back in a later turn.
  for (let i = 0; i < 4; i++) {
    await nextTurn()
    collectGarbage()
  }
  return process.memoryUsage()
}

function heldSince (before: NodeJS.MemoryUsage): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external - before.heapUsed - before.external
}
