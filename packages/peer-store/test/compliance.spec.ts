import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerStoreCompliance, type PeerStoreSetup, type StoreWorld } from '@peerweave/compliance'
import { simDisk } from '@peerweave/simulator'
import { afterAll, describe, it } from 'vitest'
import { levelPeerStore, memoryPeerStore, type LevelPeerStore } from '../src/index.ts'
import { nodeDisk } from '../src/node.ts'
import type { Disk, PeerStore } from '@peerweave/interface'

peerStoreCompliance({ describe, it }, { name: 'memoryPeerStore', create: world => memoryPeerStore(world) })

const folder = await mkdtemp(join(tmpdir(), 'peerweave-'))

afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

durable('levelPeerStore on LevelDB', () => nodeDisk())
durable('levelPeerStore on the simulator\'s disk', () => simDisk())

/** A folder of its own for each store; one that is opened again has the folder of the one before. */
function durable (name: string, newDisk: () => Disk): void {
  const places = new WeakMap<PeerStore, { disk: Disk, path: string }>()
  let count = 0
  const open = (world: StoreWorld, place: { disk: Disk, path: string }): LevelPeerStore => {
    const store = levelPeerStore({ ...world, ...place })
    places.set(store, place)
    return store
  }
  const setup: PeerStoreSetup = {
    name,
    create: world => open(world, { disk: newDisk(), path: join(folder, name.replaceAll(/\W/g, '-'), String(count++)) }),
    reopen: (store, world) => open(world, places.get(store) as { disk: Disk, path: string })
  }
  peerStoreCompliance({ describe, it }, setup)
}
