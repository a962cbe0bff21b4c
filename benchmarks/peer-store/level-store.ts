/** Ours on LevelDB. */
import { join } from 'node:path'
import { levelPeerStore } from '@peerweave/peer-store'
import { nodeDisk } from '@peerweave/peer-store/node'
import type { PeerStore } from '@peerweave/interface'

/** A started store in `folder` while `use` runs; it is stopped in the end. */
export async function onOurLevel<T> (folder: string, capacity: number, use: (store: PeerStore) => Promise<T>): Promise<T> {
  const store = levelPeerStore({ disk: nodeDisk(), path: join(folder, 'store'), capacity })
  await store.start()
  try {
    return await use(store)
  } finally {
    await store.stop()
  }
}
