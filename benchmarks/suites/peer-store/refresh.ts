/**
 * Sightings in batches of 1,000, nine in ten of them of a peer that the same source claimed before, the tenth of a
 * newcomer; every known peer is claimed by five sources. Beside it a `Map` that does one get and one set for each (peer,
 * address, source), with its keys built beforehand.
 */
import { memoryPeerStore } from '@peerweave/peer-store'
import { alternate, beside, type Measured } from '../../harness.ts'
import { collectGarbage } from '../../peer-store/collect-garbage.ts'
import { addressTexts, benchPeers, drawn, sighting, sourceOf, type BenchPeer } from '../../peer-store/peers.ts'
import type { Evidence, PeerStore, Source } from '@peerweave/interface'

const PEERS = 100_000
const PATHS = ['mdns', 'dns', 'dht', 'gossip', 'bootstrap']
const REPEATS = 5
const BATCH = 1_000
const BATCHES = 100
/** Of a batch; the rest are refreshes. */
const NEWCOMERS = BATCH / 10

interface Sighting {
  readonly peer: BenchPeer
  readonly path: number
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const peers = benchPeers(PEERS)
  progress(`${PEERS} peers of ${PATHS.length} sources each …`)
  const store = memoryPeerStore({ capacity: 2 * PEERS })
  for (const path of PATHS.keys()) await store.addPeers(peers.map(peer => asEvidence({ peer, path })))
  const times = new KeyedTimes()
  for (const peer of peers) {
    for (const path of PATHS.keys()) times.touch(times.keysOf({ peer, path }), 0)
  }

  progress('sightings …')
  let known = PEERS
  const fresh = (): Sighting[][] => Array.from({ length: BATCHES }, () => {
    const newcomers = benchPeers(NEWCOMERS, known)
    known += NEWCOMERS
    return [...drawn(peers, BATCH - NEWCOMERS), ...newcomers].map(peer => ({ peer, path: Math.floor(Math.random() * PATHS.length) }))
  })
  // Ids are read once and kept by whoever reports them; addresses come anew with each report.
  const batches = Array.from({ length: REPEATS }, fresh)
  for (const { peer } of batches.flat(2)) peer.id.toString()
  const [ours, theirs] = [[...batches], [...batches]]
  const values = await alternate(
    async () => perSighting(store, ours.pop() ?? []), async () => times.perSighting(theirs.pop() ?? []), REPEATS
  )
  yield beside('addPeers at 100k, 1,000 at a time, nine in ten refreshes, five sources', 'ns', 'a Map with keys built beforehand', values)
}

/** ns. */
async function perSighting (store: PeerStore, batches: Sighting[][]): Promise<number> {
  let [took, unchanged, added] = [0, 0, 0]
  collectGarbage()
  for (const batch of batches) {
    const evidence = batch.map(asEvidence)
    const started = performance.now()
    const summary = await store.addPeers(evidence)
    took += performance.now() - started
    unchanged += summary.unchanged
    added += summary.new
  }
  if (added !== NEWCOMERS * BATCHES || unchanged !== (BATCH - NEWCOMERS) * BATCHES) {
    throw new Error(`${added} newcomers and ${unchanged} refreshes in ${BATCHES} batches`)
  }
  return took * 1e6 / (BATCHES * BATCH)
}

function asEvidence ({ peer, path }: Sighting): Evidence {
  return sighting(peer, { source: sourceBy(peer.number, path) })
}

function sourceBy (number: number, path: number): Source {
  const name = PATHS[path] ?? ''
  return { ...sourceOf(number), path: name, type: name }
}

/** When what was claimed last: the least that a store can do. */
class KeyedTimes {
  readonly #times = new Map<string, number>()
  readonly #keys = new Map<string, string[]>()

  /** The same strings each time, so their hashes are known too. */
  keysOf ({ peer: { id, number }, path }: Sighting): string[] {
    const name = `${id} ${path}`
    const keys = this.#keys.get(name) ?? addressTexts(number).map(text => `${id} ${text} ${PATHS[path]}`)
    this.#keys.set(name, keys)
    return keys
  }

  /** One get and one set a key; returns how many were known. */
  touch (keys: readonly string[], now: number): number {
    let known = 0
    for (const key of keys) {
      if (this.#times.get(key) != null) known++
      this.#times.set(key, now)
    }
    return known
  }

  /** ns. */
  perSighting (batches: Sighting[][]): number {
    let [took, known] = [0, 0]
    collectGarbage()
    for (const batch of batches) {
      const keys = batch.map(one => this.keysOf(one))
      const now = performance.now()
      for (const ofOne of keys) known += this.touch(ofOne, now)
      took += performance.now() - now
    }
    if (known < (BATCH - NEWCOMERS) * BATCHES) throw new Error(`${known} keys were known`)
    return took * 1e6 / (BATCHES * BATCH)
  }
}
