/** The 20 nearest of 100,000, asked as a user asks, beside kad-dht's own table made deep enough to hold all of them. */
import { createHash, randomBytes } from 'node:crypto'
import { memoryPeerStore } from '@peerweave/peer-store'
// Not exported: the routing table around it would hold 1,280 peers at most, and wants a whole node.
import { KBucket } from '../../../node_modules/@libp2p/kad-dht/dist/src/routing-table/k-bucket.js'
import { alone, alternate, beside, type Measured } from '../../harness.ts'
import { benchPeers, sightings, type BenchPeer } from '../../peer-store/peers.ts'
import type { PeerStore } from '@peerweave/interface'

const PEERS = 100_000
const COUNT = 20
const REPEATS = 5
const QUERIES = 5_000
/** Of the table, a fifth of a second each. */
const TABLE_QUERIES = 10
/** Bits of the trie; at 32 its buckets of 20 never fill up. */
const PREFIX = 32

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const peers = benchPeers(PEERS)
  progress(`kad-dht's table with ${PEERS} peers …`)
  const table = await filledTable(peers)
  const store = memoryPeerStore({ capacity: 2 * PEERS })
  await store.addPeers(sightings(peers))
  const started = performance.now()
  await store.getClosestPeers(randomBytes(32), COUNT)
  const first = performance.now() - started

  progress('asking …')
  await check(store, table)
  yield beside(`getClosestPeers ${COUNT} of 100k`, 'µs', "kad-dht's table, prefix 32", await alternate(
    async () => perQuestion(store), async () => perTableQuestion(table), REPEATS
  ))
  yield alone('the first getClosestPeers at 100k, which hashes every id', first, 'ms')
}

async function filledTable (peers: readonly BenchPeer[]): Promise<KBucket> {
  const [self] = benchPeers(1)
  if (self == null) throw new Error('there is no peer')
  const table = new KBucket({ peerId: self.id }, {
    prefixLength: PREFIX,
    metricsPrefix: 'bench',
    verify: async () => true,
    async * ping () {}
  })
  await table.start()
  for (const { id } of peers) await table.add(id)
  if (table.count() !== peers.length) throw new Error(`the table holds ${table.count()} peers`)
  return table
}

/** µs. */
async function perQuestion (store: PeerStore): Promise<number> {
  const keys = Array.from({ length: QUERIES }, () => randomBytes(32))
  let found = 0
  const started = performance.now()
  for (const key of keys) {
    for (const { peerId } of await store.getClosestPeers(key, COUNT)) found += peerId == null ? 0 : 1
  }
  return per(QUERIES, found, started)
}

function perTableQuestion (table: KBucket): number {
  const keys = Array.from({ length: TABLE_QUERIES }, () => sha256(randomBytes(32)))
  let found = 0
  const started = performance.now()
  for (const key of keys) {
    for (const id of table.closest(key, { count: COUNT })) found += id == null ? 0 : 1
  }
  return per(TABLE_QUERIES, found, started)
}

function per (questions: number, found: number, started: number): number {
  const took = performance.now() - started
  if (found !== COUNT * questions) throw new Error(`${found} peers in ${questions} answers`)
  return took * 1_000 / questions
}

/** Both are exact, so they say the same. */
async function check (store: PeerStore, table: KBucket): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const key = randomBytes(32)
    const ours = (await store.getClosestPeers(key, COUNT)).map(({ peerId }) => peerId.toString())
    const theirs = [...table.closest(sha256(key), { count: COUNT })].map(String)
    if (ours.join() !== theirs.join()) throw new Error(`the store says ${ours}, the table ${theirs}`)
  }
}

function sha256 (bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
