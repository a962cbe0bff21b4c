/** An announcement in a net of fifty: after how long have all heard it, and did they. */
import { seededRng, shuffle } from '@peerweave/interface'
import { quantile, type BenchOptions, type Result } from '../../harness.ts'
import { ours } from '../../mechanisms/ours.ts'
import { announcers } from '../../mechanisms/plain.ts'
import { andBeside, row } from '../../mechanisms/rows.ts'
import { openStage } from '../../mechanisms/stage.ts'
import { until } from '../../mechanisms/until.ts'
import type { TestnetNode } from '@peerweave/testnet'
import type { Announcer } from '../../mechanisms/sides.ts'

/** ms that an announcement may take to be counted as delivered. */
const PATIENCE = 5_000

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Result> {
  const announcements = full ? 500 : 100
  const mine = await measure(ours.announcer, announcements, progress)
  for (const [index, announcer] of announcers.entries()) {
    const theirs = await measure(announcer, announcements, progress)
    for (const [metric, value] of theirs) {
      const unit = metric.endsWith('not delivered') ? '%' : 'ms'
      yield row(metric + andBeside(index, announcer.name), unit, announcer.name, mine.get(metric), value)
    }
  }
}

async function measure (side: Announcer, announcements: number, progress: (text: string) => void): Promise<Map<string, number>> {
  progress(`${side.name}: settling …`)
  // Three links of each: meshes choose among them.
  await using net = await openStage(side, { wiring: { links: 3 } })
  const heardAt: number[] = []
  let current = ''
  let begun = 0
  let heard = new Set<number>()
  for (const node of net.nodes) {
    side.listen(node, announcer => {
      if (announcer !== current || heard.has(node.index) || node.peerId.toString() === announcer) return
      heard.add(node.index)
      heardAt.push(performance.now() - begun)
    })
  }
  await side.ready(net.nodes)
  progress(`${side.name}: ${announcements} announcements …`)
  // In turn: nobody announces himself more often than the others.
  const order = shuffle(seededRng(1), net.nodes)
  const all: number[] = []
  let delivered = 0
  for (let i = 0; i < announcements; i++) {
    const node = order[i % order.length] as TestnetNode
    heard = new Set()
    current = node.peerId.toString()
    begun = performance.now()
    await side.announce(node)
    await until(() => heard.size === net.nodes.length - 1, PATIENCE)
    delivered += heard.size
    all.push(heard.size === net.nodes.length - 1 ? Math.max(...heardAt.slice(-heard.size)) : Infinity)
  }
  const lost = 100 * (1 - delivered / (announcements * (net.nodes.length - 1)))
  const values = new Map([
    ['announcement reaches one of 50, median', quantile(heardAt, 0.5)],
    ['announcement reaches one of 50, p99', quantile(heardAt, 0.99)],
    ['announcement reaches all of 50, median', quantile(all, 0.5)],
    ['announcement reaches all of 50, p99', quantile(all, 0.99)],
    ['announcements to 50, not delivered', lost]
  ])
  progress(`${side.name}: ${[...values].map(([metric, value]) => `${metric} ${value.toFixed(1)}`).join('; ')}`)
  return values
}
