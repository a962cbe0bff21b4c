/**
 * Forty hosts where nobody joins or leaves: what they say while they rest, as somebody counts it who only listens, and
 * whether they still know each other. First ours, then theirs: theirs keeps two cores busy with forty.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { alone, beside, type Measured, type Result } from '../../harness.ts'
import { Observer, type TrafficRate } from '../../mdns/observer.ts'
import { settledPeers } from '../../mdns/peer-process.ts'
import { openStage } from '../../mdns/stage.ts'
import { missingAfter } from '../../mdns/virtual-hosts.ts'
import { whyNoNamespaces } from '../../../test/support/namespaces.ts'

const HOSTS = 40
/** ms. Ours announces, asks at growing intervals, and refreshes within the TTL of two minutes. */
const OURS = { rest: 60_000, window: 120_000 }
/** Theirs asks every 10 s and does nothing else. */
const THEIRS = { rest: 20_000, window: 30_000 }
const VIRTUAL = 600_000

const ANSWERS = '40 hosts at rest, answers'
const TRAFFIC = '40 hosts at rest, traffic'
const MISSING = '40 hosts, peers that are missing after 3 min'
const MISSING_LATER = '40 hosts, peers that are missing after 10 min (virtual time)'

interface Steady {
  rate: TrafficRate
  /** Pairs of which the one does not list the other. */
  missing: number
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Result> {
  progress(`${VIRTUAL / 60_000} virtual minutes …`)
  yield alone(MISSING_LATER, await missingAfter(HOSTS, VIRTUAL), 'peers')

  const reason = whyNoNamespaces()
  if (reason !== undefined) {
    for (const metric of [ANSWERS, TRAFFIC, MISSING]) yield { metric, skipped: reason }
    return
  }
  const ours = await steady(progress, false, OURS)
  progress(`ours: ${describe(ours)}`)
  yield alone(MISSING, ours.missing, 'peers')
  const theirs = await steady(progress, true, THEIRS)
  progress(`@libp2p/mdns: ${describe(theirs)}`)
  const row = (metric: string, unit: string, key: keyof TrafficRate): Measured =>
    beside(metric, unit, '@libp2p/mdns', { ours: ours.rate[key], baseline: theirs.rate[key] })
  yield row(ANSWERS, 'packets/s', 'answers')
  yield row(TRAFFIC, 'bytes/s', 'bytes')
}

async function steady (progress: (text: string) => void, theirs: boolean, { rest, window }: typeof OURS): Promise<Steady> {
  const stage = openStage(HOSTS + 1)
  try {
    progress(`${HOSTS} processes …`)
    const [place, ...places] = stage.places
    if (place == null) throw new RangeError('a stage without places')
    const observer = await Observer.start(place)
    const peers = await settledPeers(places, theirs)
    progress(`settled; ${(rest + window) / 1_000} s …`)
    await sleep(rest)
    const rate = await observer.rate(window)
    const lists = await Promise.all(peers.map(async peer => new Set(await peer.list())))
    const missing = lists.map((list, i) => peers.filter(({ id }, other) => other !== i && !list.has(id)).length)
    await Promise.all([observer, ...peers].map(process => process.stop()))
    return { rate, missing: missing.reduce((sum, count) => sum + count, 0) }
  } finally {
    stage.close()
  }
}

function describe ({ rate: { queries, answers, bytes }, missing }: Steady): string {
  return `${queries.toFixed(2)} queries/s, ${answers.toFixed(2)} answers/s, ${bytes.toFixed(0)} bytes/s, ${missing} missing`
}
