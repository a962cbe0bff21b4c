/**
 * 100,000 peers that are not on disk yet, flushed: synced, and with whatever the store writes to find damage. Beside it
 * raw batches of the very keys and values that it wrote, in random order as ids are, not synced.
 */
import { alternate, beside, type Measured } from '../../harness.ts'
import { collectGarbage } from '../../peer-store/collect-garbage.ts'
import { inFolder, levelIn, rawLevel, readAll } from '../../peer-store/folder.ts'
import { onOurLevel } from '../../peer-store/level-store.ts'
import { benchPeers, inRandomOrder, sightings } from '../../peer-store/peers.ts'

const PEERS = 100_000
const REPEATS = 5
const BATCH = 1_000

type Entry = [Uint8Array, Uint8Array]

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  progress(`flushing ${PEERS} peers …`)
  let written: Entry[] = []
  yield beside('flush of 100k dirty peers', 'ms', 'raw classic-level batches', await alternate(
    async () => inFolder(async folder => {
      const took = await onOurLevel(folder, 2 * PEERS, async store => {
        await store.addPeers(sightings(benchPeers(PEERS)))
        collectGarbage()
        const started = performance.now()
        await store.flush()
        return performance.now() - started
      })
      written = await entriesIn(folder)
      return took
    }),
    async () => inFolder(async folder => writeRaw(folder, inRandomOrder(written))), REPEATS
  ))
}

async function entriesIn (folder: string): Promise<Entry[]> {
  const entries: Entry[] = []
  const level = await rawLevel(await levelIn(folder))
  await readAll(level, entry => { entries.push(entry) })
  await level.close()
  if (entries.length < PEERS) throw new Error(`${entries.length} entries are on disk`)
  return entries
}

/** ms. */
async function writeRaw (folder: string, entries: readonly Entry[]): Promise<number> {
  const level = await rawLevel(folder)
  collectGarbage()
  const started = performance.now()
  for (let i = 0; i < entries.length; i += BATCH) {
    await level.batch(entries.slice(i, i + BATCH).map(([key, value]) => ({ type: 'put', key, value })))
  }
  const took = performance.now() - started
  await level.close()
  return took
}
