import { peerStoreCompliance } from '@peerweave/compliance'
import { describe, it } from 'vitest'
import { memoryPeerStore } from '../src/index.ts'

peerStoreCompliance({ describe, it }, { name: 'memoryPeerStore', create: world => memoryPeerStore(world) })
