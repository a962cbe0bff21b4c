/**
 * A process of its own for each reading of memory: `node --expose-gc memory-child.ts [--records]`. Writes bytes per peer
 * as JSON: once all are held and nothing else is, after the first question for the closest, after each was read.
 */
import { createHash, randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { memoryPeerStore } from '@peerweave/peer-store'
import { openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { addressesOf, benchPeers, sighting, type BenchPeer } from './peers.ts'
import type { Crypto, Evidence, PeerStore } from '@peerweave/interface'

export interface MemoryReading {
  held: number
  asked: number
  read: number
}

const PEERS = 100_000
const AT_ONCE = 1_000
const WARM_UP = 2_000

/** The store cannot tell a signature that nobody made from one that somebody verified, and 100,000 take half a minute. */
const crypto: Crypto = { verify: async () => true, digest: data => createHash('sha256').update(data).digest() }

const { values: { records } } = parseArgs({ options: { records: { type: 'boolean', default: false } } })

// Compiled code would count too.
await read(await filled(WARM_UP), WARM_UP)
const before = await bytesHeld()
const store = await filled(PEERS)
const held = await bytesHeld() - before
await store.getClosestPeers(randomBytes(32), 1)
const asked = await bytesHeld() - before
await read(store, PEERS)
const reading: MemoryReading = { held: held / PEERS, asked: asked / PEERS, read: (await bytesHeld() - before) / PEERS }
if (store.size !== PEERS) throw new Error(`the store holds ${store.size} peers`)
console.log(JSON.stringify(reading))

/** Nothing of what went in is kept here. */
async function filled (count: number): Promise<PeerStore> {
  const store = memoryPeerStore({ capacity: 2 * PEERS })
  for (let first = 0; first < count; first += AT_ONCE) {
    await store.addPeers(await Promise.all(benchPeers(AT_ONCE, first).map(records ? signedSighting : async peer => sighting(peer))))
  }
  return store
}

async function read (store: PeerStore, count: number): Promise<void> {
  let addresses = 0
  for await (const peer of store.getPeers()) addresses += peer.addresses.length
  if (addresses < count) throw new Error(`${addresses} addresses were read`)
}

async function signedSighting (peer: BenchPeer): Promise<Evidence> {
  const multiaddrs = addressesOf(peer.number)
  const signer = { peerId: peer.id, sign: async () => randomBytes(64) }
  const bytes = await sealPeerRecord({ signer, multiaddrs, seq: BigInt(Date.now()) })
  const { record, refused } = await openPeerRecord(bytes, { crypto })
  if (record == null) throw new Error(`the record was refused: ${refused}`)
  return { ...sighting(peer), record }
}

async function bytesHeld (): Promise<number> {
  for (let i = 0; i < 4; i++) {
    await nextTurn()
    globalThis.gc?.()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
