/** The baseline: `@libp2p/peer-store`, in memory and on LevelDB. */
import { defaultLogger } from '@libp2p/logger'
import { persistentPeerStore } from '@libp2p/peer-store'
import { MemoryDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import { TypedEventEmitter } from 'main-event'
import { benchPeers, libp2pData, type BenchPeer } from './peers.ts'
import type { PeerStore } from '@libp2p/interface'

type Datastore = Parameters<typeof persistentPeerStore>[0]['datastore']

export function libp2pStore (datastore: Datastore = new MemoryDatastore()): PeerStore {
  const [self] = benchPeers(1)
  if (self == null) throw new Error('there is no peer')
  return persistentPeerStore({ peerId: self.id, datastore, events: new TypedEventEmitter(), logger: defaultLogger() })
}

/** In memory, with all of them merged. */
export async function filledLibp2pStore (peers: readonly BenchPeer[], datastore?: Datastore): Promise<PeerStore> {
  const store = libp2pStore(datastore)
  for (const peer of peers) await store.merge(peer.id, libp2pData(peer))
  return store
}

/** A store on LevelDB in `folder` while `use` runs. */
export async function onLevel<T> (folder: string, use: (store: PeerStore) => Promise<T>): Promise<T> {
  const datastore = new LevelDatastore(folder)
  await datastore.open()
  try {
    return await use(libp2pStore(datastore))
  } finally {
    await datastore.close()
  }
}

/** The same bytes on LevelDB as if each had been merged there, in a fraction of the time. */
export async function fillLevel (folder: string, peers: readonly BenchPeer[]): Promise<void> {
  const memory = new MemoryDatastore()
  await filledLibp2pStore(peers, memory)
  const datastore = new LevelDatastore(folder)
  await datastore.open()
  const batch = datastore.batch()
  for await (const { key, value } of memory.query({})) batch.put(key, value)
  await batch.commit()
  await datastore.close()
}
