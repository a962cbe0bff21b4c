/**
 * Every peer is seen three times, round after round, and all of it is on disk in the end: from the first `addPeer` to the
 * resolved `flush()`, which syncs. libp2p's `merge` has written when it resolves, and does not sync.
 */
import { alone, alternate, beside, repeated, type BenchOptions, type Measured } from '../../harness.ts'
import { collectGarbage } from '../../peer-store/collect-garbage.ts'
import { inFolder } from '../../peer-store/folder.ts'
import { onOurLevel } from '../../peer-store/level-store.ts'
import { onLevel } from '../../peer-store/libp2p-store.ts'
import { benchPeers, libp2pData, sighting } from '../../peer-store/peers.ts'

const REPEATS = 5
const ROUNDS = 3
/** Of the 100k, without `--full`: libp2p takes a minute and more for all. */
const SAMPLE = 20_000
const BASELINE = '@libp2p/peer-store on datastore-level'

export async function * run (progress: (text: string) => void, { full }: BenchOptions): AsyncGenerator<Measured> {
  for (const { name, count, measured } of [
    { name: '10k', count: 10_000, measured: 10_000 },
    { name: '100k', count: 100_000, measured: full ? 100_000 : SAMPLE }
  ]) {
    progress(`${ROUNDS} sightings of ${measured} peers …`)
    const baseline = measured === count ? BASELINE : `${BASELINE} (both with ${measured} peers)`
    const values = await alternate(async () => perSighting(measured), async () => perLibp2pMerge(measured), REPEATS)
    yield beside(`merge ${name} on level, ${ROUNDS} sightings each`, 'µs per sighting', baseline, values)
  }
  const all = await repeated(async () => perSighting(100_000), REPEATS)
  yield alone(`merge 100k on level, ${ROUNDS} sightings each, ours alone`, all, 'µs per sighting')
}

/** µs. */
async function perSighting (count: number): Promise<number> {
  return inFolder(async folder => onOurLevel(folder, 2 * count, async store => {
    const peers = benchPeers(count)
    const now = performance.now()
    const incoming = Array.from({ length: ROUNDS }, (_, round) => peers.map(peer => sighting(peer, { at: now + round }))).flat()
    let taken = 0
    collectGarbage()
    const started = performance.now()
    for (const evidence of incoming) taken += (await store.addPeer(evidence)).outcome === 'refused' ? 0 : 1
    await store.flush()
    return per(incoming.length, taken, started)
  }))
}

async function perLibp2pMerge (count: number): Promise<number> {
  return inFolder(async folder => onLevel(folder, async store => {
    const peers = benchPeers(count)
    const incoming = Array.from({ length: ROUNDS }, () => peers.map(peer => ({ id: peer.id, data: libp2pData(peer) }))).flat()
    let taken = 0
    collectGarbage()
    const started = performance.now()
    for (const { id, data } of incoming) taken += (await store.merge(id, data)).addresses.length > 0 ? 1 : 0
    return per(incoming.length, taken, started)
  }))
}

function per (sightings: number, taken: number, started: number): number {
  const took = performance.now() - started
  if (taken !== sightings) throw new Error(`${taken} of ${sightings} sightings were taken`)
  return took * 1_000 / sightings
}
