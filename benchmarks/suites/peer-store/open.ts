/** From a closed folder to 100,000 peers that can be asked for. The page cache is warm for all. */
import { alternate, beside, type Measured } from '../../harness.ts'
import { collectGarbage } from '../../peer-store/collect-garbage.ts'
import { inFolder, levelIn, rawLevel, readAll } from '../../peer-store/folder.ts'
import { onOurLevel } from '../../peer-store/level-store.ts'
import { fillLevel, onLevel } from '../../peer-store/libp2p-store.ts'
import { benchPeers, sightings } from '../../peer-store/peers.ts'

const PEERS = 100_000
const REPEATS = 5

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const peers = benchPeers(PEERS)
  progress(`writing ${PEERS} peers, ours and libp2p's …`)
  yield * await inFolder(async ours => inFolder(async theirs => {
    await onOurLevel(ours, 2 * PEERS, async store => store.addPeers(sightings(peers)))
    await fillLevel(theirs, peers)
    progress('opening …')
    const openOurs = async (): Promise<number> => timeToOpen(ours)
    const raw = await alternate(openOurs, async () => timeToReadRaw(ours), REPEATS)
    const all = await alternate(openOurs, async () => timeToReadAll(theirs), REPEATS)
    return [
      beside('open and load 100k', 'ms', 'raw nextv over the same bytes', raw),
      beside("open and load 100k, beside libp2p's all()", 'ms', '@libp2p/peer-store on datastore-level, all()', all)
    ]
  }))
}

/** ms. */
async function timeToOpen (folder: string): Promise<number> {
  collectGarbage()
  const started = performance.now()
  return onOurLevel(folder, 2 * PEERS, async ({ size }) => took(started, size))
}

async function timeToReadRaw (folder: string): Promise<number> {
  const path = await levelIn(folder)
  let entries = 0
  collectGarbage()
  const started = performance.now()
  const level = await rawLevel(path)
  await readAll(level, () => { entries++ })
  const time = took(started, Math.min(entries, PEERS))
  await level.close()
  return time
}

async function timeToReadAll (folder: string): Promise<number> {
  collectGarbage()
  const started = performance.now()
  return onLevel(folder, async store => took(started, (await store.all()).length))
}

function took (started: number, peers: number): number {
  const time = performance.now() - started
  if (peers !== PEERS) throw new Error(`${peers} peers were there`)
  return time
}
