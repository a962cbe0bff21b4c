/** A node that comes back when the node that it was configured with is dead: after how long, from its `start()`, is it in the net. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { levelPeerStore } from '@peerweave/peer-store'
import { nodeDisk } from '@peerweave/peer-store/node'
import { alone, median, type Result } from '../../harness.ts'
import { finderWith } from '../../mechanisms/ours.ts'
import { openStage, SEEDS, settle } from '../../mechanisms/stage.ts'
import { until } from '../../mechanisms/until.ts'

const RESTARTS = 5
const KNOWN = 40
/** ms. */
const DEADLINE = 30_000

export async function * run (progress: (text: string) => void): AsyncGenerator<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'peerweave-'))
  try {
    const side = finderWith(({ index }) => index === SEEDS ? levelPeerStore({ disk: nodeDisk(), path: join(folder, 'peers') }) : undefined)
    progress('settling …')
    await using net = await openStage(side)
    await settle(net, side)
    const node = net.node(SEEDS)
    await node.stop()
    await Promise.all(net.nodes.slice(0, SEEDS).map(async seed => await seed.crash()))
    const times: number[] = []
    for (let i = 0; i < RESTARTS; i++) {
      const began = performance.now()
      await node.start()
      const isIn = await until(async () => node.libp2p.getConnections().length > 0 && (await side.known(node)).length >= KNOWN, DEADLINE)
      times.push(isIn ? performance.now() - began : DEADLINE)
      progress(`in the net after ${times.at(-1)?.toFixed(0)} ms`)
      await node.stop()
    }
    yield alone('restarted with its store and no bootstrap node, connected and knows 40, median', median(times), 'ms')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
