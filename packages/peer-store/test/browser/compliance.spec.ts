/** The store suite in a real browser. */
import { describe, it } from 'vitest'
// Not the package's entry: that one brings the mechanism suite, which watches a Node process.
import { peerStoreCompliance } from '../../../compliance/src/store-compliance.ts'
import { browserDisk } from '../../src/browser.ts'
import { levelPeerStore, memoryPeerStore, type LevelPeerStore } from '../../src/index.ts'
import { freshPath, reason } from './support.ts'
import type { StoreWorld } from '../../../compliance/src/store-setup.ts'
import type { PeerStore } from '@peerweave/interface'

describe.skipIf(reason !== undefined)('in a browser', () => {
  peerStoreCompliance({ describe, it }, { name: 'memoryPeerStore', create: world => memoryPeerStore(world) })

  const paths = new WeakMap<PeerStore, string>()
  const open = (world: StoreWorld, path: string): LevelPeerStore => {
    const store = levelPeerStore({ ...world, disk: browserDisk(), path })
    paths.set(store, path)
    return store
  }
  peerStoreCompliance({ describe, it }, {
    name: 'levelPeerStore on IndexedDB',
    create: world => open(world, freshPath()),
    reopen: (store, world) => open(world, paths.get(store) as string)
  })
})
