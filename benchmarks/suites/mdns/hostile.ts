/**
 * What a peer bears while somebody on the link sends it 1,000 packets a second that are meant to harm: its CPU, its event
 * loop, and how long it takes to see an honest newcomer. First ours, then theirs, which leaves the machine no time for
 * anything else. Without namespaces ours alone, on loopback.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { alone, beside, median, type Measured } from '../../harness.ts'
import { Hostile } from '../../mdns/hostile.ts'
import { PeerProcess } from '../../mdns/peer-process.ts'
import { openStage } from '../../mdns/stage.ts'
import { whyNoNamespaces } from '../../../test/support/namespaces.ts'
import type { Load } from '../../mdns/messages.ts'

/** ms. */
const FLOOD = 60_000
const NEWCOMERS = 5
/** ms that a newcomer is waited for; then it is `Infinity`. */
const DEADLINE = 10_000

interface Borne extends Load {
  /** ms until each newcomer was seen. */
  seen: number[]
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const reason = whyNoNamespaces()
  if (reason !== undefined) progress(`${reason}: on loopback, without @libp2p/mdns, which would send on every interface`)
  const ours = await borne(progress, false)
  const theirs = reason === undefined ? await borne(progress, true) : undefined
  const row = (metric: string, unit: string, of: (borne: Borne) => number): Measured => {
    const name = `1,000 hostile packets/s, ${metric}`
    return theirs == null ? alone(name, of(ours), unit) : beside(name, unit, '@libp2p/mdns', { ours: of(ours), baseline: of(theirs) })
  }
  yield row('CPU', '%', ({ cpu }) => 100 * cpu)
  yield row('event loop delay p99', 'ms', ({ delay }) => delay)
  yield row('honest newcomer is seen, median', 'ms', ({ seen }) => median(seen))
  yield row('honest newcomer is seen, worst', 'ms', ({ seen }) => Math.max(...seen))
}

async function borne (progress: (text: string) => void, theirs: boolean): Promise<Borne> {
  const name = theirs ? '@libp2p/mdns' : 'ours'
  const stage = openStage(3)
  try {
    const [first, second, third] = stage.places
    if (first == null || second == null || third == null) throw new RangeError('a stage of less than three places')
    const [peer, newcomer, hostile] =
      await Promise.all([PeerProcess.start(first, theirs), PeerProcess.start(second, theirs), Hostile.start(third)])
    await peer.join()
    progress(`${name}: ${FLOOD / 1_000} s of flood …`)
    hostile.begin()
    await peer.startLoad()
    const began = performance.now()
    const seen: number[] = []
    for (let i = 0; i < NEWCOMERS; i++) {
      await sleep(Math.max(0, began + (i + 0.5) * FLOOD / NEWCOMERS - performance.now()))
      await newcomer.join()
      const end = performance.now() + DEADLINE
      while (!peer.seen.has(newcomer.id) && performance.now() < end) await sleep(5)
      seen.push((peer.seen.get(newcomer.id) ?? Infinity) - newcomer.joinedAt)
      await newcomer.leave()
    }
    await sleep(Math.max(0, began + FLOOD - performance.now()))
    const [load, rate] = await Promise.all([peer.takeLoad(), hostile.rate()])
    progress(`${name}: ${rate.toFixed(0)} packets/s, newcomers seen after ${seen.map(ms => ms.toFixed(0)).join(', ')} ms`)
    await Promise.all([peer, newcomer, hostile].map(process => process.stop()))
    return { ...load, seen }
  } finally {
    stage.close()
  }
}
