/**
 * What the worst answers cost, each in a process of its own: the event loop and the heap, of the decoder alone beside
 * dns2's, and of a whole look-up from a server that gives them.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { alone, beside, type Measured, type Pair } from '../../harness.ts'
import { answerTo, HOSTILE } from '../../dns/hostile-messages.ts'
import { frame, tcpFake } from '../../../packages/dns/test/client/fakes.ts'
import type { Cost } from '../../dns/hostile-child.ts'

/** ms that all repeats of dns2 have; with more, it counts as never ending. */
const DEADLINE = 60_000
const MB = 1_000_000

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const costs: Array<Record<'ours' | 'dns2' | 'whole', Cost>> = []
  for (const [i, hostile] of HOSTILE.entries()) {
    const server = await tcpFake((socket, question) => { void (async () => socket.end(frame(answerTo(hostile, await question))))() })
    const cost = { ours: await measure('ours', i), dns2: await measure('dns2', i), whole: await measure('look-up', i, server.text) }
    await server.close()
    costs.push(cost)
    const said = Object.entries(cost).map(([who, { ms, bytes }]) => `${who} ${ms.toFixed(1)} ms, ${(bytes / MB).toFixed(2)} MB`)
    progress(`${hostile.what}: ${said.join('; ')}`)
  }
  const worst = (who: 'ours' | 'dns2' | 'whole', of: (cost: Cost) => number): number => Math.max(...costs.map(cost => of(cost[who])))
  const ms = ({ ms }: Cost): number => ms
  const megabytes = ({ bytes }: Cost): number => bytes / MB
  const decoders = (of: (cost: Cost) => number): Pair => ({ ours: worst('ours', of), baseline: worst('dns2', of) })
  yield beside('worst hostile answer, decoded, event loop', 'ms', "dns2's Packet.parse", decoders(ms))
  yield beside('worst hostile answer, decoded, heap', 'MB', "dns2's Packet.parse", decoders(megabytes))
  yield alone('worst hostile answer, a whole look-up, event loop', worst('whole', ms), 'ms')
  yield alone('worst hostile answer, a whole look-up, heap', worst('whole', megabytes), 'MB')
}

async function measure (who: 'ours' | 'dns2' | 'look-up', index: number, ...args: string[]): Promise<Cost> {
  const child = fileURLToPath(new URL('../../dns/hostile-child.ts', import.meta.url))
  const options = who === 'dns2' ? { timeout: DEADLINE } : {}
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [child, who, `${index}`, ...args], options)
    return JSON.parse(stdout) as Cost
  } catch (error) {
    if ((error as { killed?: boolean }).killed !== true) throw error
    return { ms: Infinity, bytes: Infinity }
  }
}
