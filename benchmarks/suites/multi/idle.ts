/** What a node takes of a core while nothing happens: ten thousand peers known and fifty connected, beside the same node without `multi`. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTestnet } from '@peerweave/testnet'
import { gossipsubPreset } from '@peerweave/gossip'
import { alone, type Measured } from '../../harness.ts'

const CONNECTED = 50
const SECONDS = 120

interface Idle {
  /** Percent of a core. */
  share: number
  connected: number
  peers: number
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  await using net = await createTestnet(CONNECTED, { seed: 1, pubsub: gossipsubPreset({ colocation: 'lan' }) })
  const addresses = net.nodes.map(({ addresses }) => String(addresses[0]))
  const shares: Record<string, number> = {}
  for (const side of ['without', 'with']) {
    progress(`${SECONDS} s ${side} multi …`)
    const idle = await measure(side, addresses)
    if (idle.connected < CONNECTED) throw new Error(`only ${idle.connected} of ${CONNECTED} were connected all the time`)
    progress(`${side}: ${JSON.stringify(idle)}`)
    shares[side] = idle.share
  }
  const { with: whole = NaN, without = NaN } = shares
  yield { ...alone('idle, 10,000 peers, 50 connected: what multi takes of a core', whole - without, '%'), baseline: 'the node without it', baselineValue: without }
}

async function measure (side: string, addresses: string[]): Promise<Idle> {
  const child = fileURLToPath(new URL('../../multi/idle-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [child, side, String(SECONDS), ...addresses])
  return JSON.parse(stdout) as Idle
}
