/**
 * All of 100,000 (1,000,000) peers run out in the same millisecond while 10,000 sightings a second of others come in.
 * Swept as `multi` sweeps, by its own timer, so what is measured is what an application feels: the longest turn of the
 * event loop, sightings included.
 */
import { limits, systemClock, type Evidence, type PeerStore } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
// Not exported: nobody but `multi` has a use for it.
import { ExpiryTimer } from '../../../packages/multi/src/expiry-timer.ts'
import { alone, median, type BenchOptions, type Measured } from '../../harness.ts'
import { benchPeers, drawn, sighting, sightings } from '../../peer-store/peers.ts'
import { TurnWatch } from '../../peer-store/turn-watch.ts'

const SIZES = [
  { name: '100k', count: 100_000, repeats: 5 },
  // One run takes more than half a minute.
  { name: '1M', count: 1_000_000, repeats: 1 }
]

/** Peers that stay. */
const STAYING = 10_000
/** A ms. */
const SIGHTING_RATE = 10
const SIGHTINGS_BUILT = 50_000
const AT_ONCE = 1_000
/** Added beforehand to see how fast this machine is today. */
const PROBE = 5_000
/** Adding may take this many times longer than the probe promised: a large store is slower. */
const MARGIN = 3
/** The watch begins this long before they run out, ms. */
const BEFORE = 200
/** ms. */
const PATIENCE = 60_000

interface Swept {
  /** The longest turn, ms. */
  worst: number
  /** From when they ran out until the last one was gone, ms. */
  gone: number
}

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Measured> {
  for (const { name, count, repeats } of full ? SIZES : SIZES.slice(0, 1)) {
    progress(`${name} peers run out …`)
    const runs: Swept[] = []
    for (let repeat = 0; repeat < repeats; repeat++) runs.push(await sweep(count))
    yield alone(`worst own slice while ${name} expire, GC apart`, median(runs.map(({ worst }) => worst)), 'ms')
    yield alone(`${name} that expire at once are gone`, median(runs.map(({ gone }) => gone)) / 1_000, 's')
  }
}

async function sweep (count: number): Promise<Swept> {
  const store = memoryPeerStore({ capacity: 2 * (count + STAYING) })
  await store.start()
  const staying = benchPeers(STAYING)
  await store.addPeers(sightings(staying))
  const incoming = drawn(staying, SIGHTINGS_BUILT).map(peer => sighting(peer))
  const started = performance.now()
  const probed = await timeToFill(memoryPeerStore({ capacity: 2 * PROBE }), PROBE, Infinity)
  const end = started + 2_000 + MARGIN * probed * count / PROBE
  await timeToFill(store, count, end)
  if (performance.now() > end - 2 * BEFORE) throw new Error(`adding ${count} peers took longer than until they ran out`)

  let failure: unknown
  const timer = new ExpiryTimer({ store, clock: systemClock(), mayExpire: () => true, onError: error => { failure = error } })
  timer.start()
  timer.dueAt(end)
  const watch = new TurnWatch()
  const stream = new SightingStream(store, incoming)
  let gone = Infinity
  // A little longer, for what comes after the last one.
  await watch.watch(() => failure == null && performance.now() < Math.min(gone + BEFORE, end + PATIENCE), async () => {
    await stream.catchUp()
    if (gone === Infinity && store.size === STAYING) gone = performance.now()
  })
  timer.stop()
  await store.stop()
  if (failure != null || gone === Infinity) throw new Error(`${store.size} peers are left`, { cause: failure })
  return { worst: watch.longest(end - BEFORE), gone: gone - end }
}

/** ms. */
async function timeToFill (store: PeerStore, count: number, end: number): Promise<number> {
  const started = performance.now()
  for (let first = STAYING; first < count + STAYING; first += AT_ONCE) {
    const at = performance.now()
    await store.addPeers(sightings(benchPeers(AT_ONCE, first), { at, ttl: end - at }))
  }
  return performance.now() - started
}

/** As many sightings as are due, and no more in one turn than `multi` takes from one mechanism. */
class SightingStream {
  readonly #store: PeerStore
  readonly #incoming: readonly Evidence[]
  #next = 0
  #last = performance.now()
  #due = 0

  constructor (store: PeerStore, incoming: readonly Evidence[]) {
    this.#store = store
    this.#incoming = incoming
  }

  async catchUp (): Promise<void> {
    const now = performance.now()
    this.#due += (now - this.#last) * SIGHTING_RATE
    this.#last = now
    const batch: Evidence[] = []
    for (; this.#due >= 1 && batch.length < limits.sightingsPerTurn; this.#due--) {
      const evidence = this.#incoming[this.#next++ % this.#incoming.length] as Evidence
      const ttl = evidence.expiresAt - evidence.observedAt
      evidence.observedAt = now
      evidence.expiresAt = now + ttl
      batch.push(evidence)
    }
    if (batch.length === 0) return
    const { refused } = await this.#store.addPeers(batch)
    if (refused > 0) throw new Error(`${refused} sightings were refused`)
  }
}
