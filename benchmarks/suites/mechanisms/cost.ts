/** What a net of fifty sends while nothing happens, and what joining it costs a newcomer: all together, and each mechanism by itself. */
import { median, type BenchOptions, type Result } from '../../harness.ts'
import { MessageCounter } from '../../mechanisms/message-counter.ts'
import { alones, ours } from '../../mechanisms/ours.ts'
import { finders } from '../../mechanisms/plain.ts'
import { row } from '../../mechanisms/rows.ts'
import { openStage, settle } from '../../mechanisms/stage.ts'
import type { Testnet } from '@peerweave/testnet'
import type { Finder } from '../../mechanisms/sides.ts'

/** ms. */
const MINUTE = 60_000
/** ms after its start that count as a newcomer's joining. */
const JOINING = 30_000

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Result> {
  const minutes = full ? 10 : 1
  const joins = full ? 10 : 1
  const [baseline] = finders
  if (baseline === undefined) return
  const theirs = await measure(baseline, minutes, joins, progress)
  for (const side of [ours.finder, ...alones]) {
    const mine = await measure(side, minutes, joins, progress)
    for (const [metric, value] of theirs) {
      yield row(`${side.name}: ${metric}`, metric.includes('messages') ? 'messages' : 'bytes', baseline.name, mine.get(metric), value)
    }
  }
}

async function measure (side: Finder, minutes: number, joins: number, progress: (text: string) => void): Promise<Map<string, number>> {
  const messages = new MessageCounter()
  await using net = await openStage(side, { libp2p: { metrics: messages.metrics } })
  await settle(net, side)
  progress(`${side.name}: settled, with ${messages.total()} messages (${messages.describe()}); idle for ${minutes} min …`)
  messages.clear()
  const before = sentBy(net)
  await pass(minutes * MINUTE)
  const perNode = 1 / (net.nodes.length * minutes)
  const values = new Map([
    ['idle, sent per node and minute', (sentBy(net) - before) * perNode],
    ['idle, messages per node and minute', messages.total() * perNode]
  ])
  progress(`${side.name}: idle ${messages.describe()}`)

  const bytes: number[] = []
  const counts: number[] = []
  for (let i = 0; i < joins; i++) {
    const newcomer = await net.add({ start: false })
    messages.clear()
    await newcomer.start()
    await pass(JOINING)
    bytes.push(newcomer.traffic.sent + newcomer.traffic.received)
    counts.push(messages.total(newcomer.peerId))
    progress(`${side.name}: a join, ${messages.describe(newcomer.peerId)}`)
    await newcomer.stop()
  }
  values.set('newcomer\'s first 30 s, sent and received by it', median(bytes))
  values.set('newcomer\'s first 30 s, messages sent by it', median(counts))
  progress(`${side.name}: ${[...values].map(([metric, value]) => `${metric} ${value.toFixed(1)}`).join('; ')}`)
  return values
}

function sentBy (net: Testnet): number {
  return net.nodes.reduce((sum, { traffic }) => sum + traffic.sent, 0)
}

async function pass (ms: number): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, ms))
}
