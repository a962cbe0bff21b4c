/**
 * One peer after another in random order over 100,000, each once read before, and a tenth of them with new evidence since.
 * libp2p's `get` builds every address, so of ours every `address.multiaddr` is taken.
 */
import { memoryPeerStore } from '@peerweave/peer-store'
import { alone, alternate, beside, repeated, type Measured } from '../../harness.ts'
import { collectGarbage } from '../../peer-store/collect-garbage.ts'
import { filledLibp2pStore } from '../../peer-store/libp2p-store.ts'
import { ADDRESSES_EACH, benchPeers, drawn, inRandomOrder, sighting, sightings, type BenchPeer } from '../../peer-store/peers.ts'
import type { PeerInfo, PeerStore } from '@peerweave/interface'
import type { PeerStore as Libp2pPeerStore } from '@libp2p/interface'

const PEERS = 100_000
const REPEATS = 5
/** Of libp2p's; a repeat takes about a second. */
const SAMPLE = 20_000
const BASELINE = `@libp2p/peer-store get in memory (${SAMPLE} reads)`

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const peers = benchPeers(PEERS)
  progress(`libp2p's store with ${PEERS} peers …`)
  const theirs = await filledLibp2pStore(peers)
  progress('reading …')
  const store = await filled(peers)

  const renewed = async (): Promise<void> => {
    // Before the first reading: a snapshot stands for a second, which a collection of this heap takes too.
    collectGarbage()
    for (const { id } of peers) take(store.peek(id))
    await store.addPeers(inRandomOrder(peers).slice(0, PEERS / 10).map(peer => sighting(peer)))
  }
  const libp2pGet = async (): Promise<number> => perLibp2pRead(theirs, drawn(peers, SAMPLE))
  yield beside('peek at 100k, a tenth renewed, each address.multiaddr taken', 'µs', BASELINE, await alternate(async () => {
    await renewed()
    return perPeek(store, inRandomOrder(peers), take)
  }, libp2pGet, REPEATS))
  yield beside('getPeer at 100k, a tenth renewed, each address.multiaddr taken', 'µs', BASELINE, await alternate(async () => {
    await renewed()
    return perGetPeer(store, inRandomOrder(peers))
  }, libp2pGet, REPEATS))

  yield alone('peek at 100k, a tenth renewed, each address as text', await repeated(async () => {
    await renewed()
    return perPeek(store, inRandomOrder(peers), takeText)
  }, REPEATS), 'µs')
  yield alone('peek at 100k, a tenth renewed, only confidence taken', await repeated(async () => {
    await renewed()
    return perPeek(store, inRandomOrder(peers), takeConfidence)
  }, REPEATS), 'µs')
  yield alone('first peek of each at 100k, each address.multiaddr taken', await repeated(async () => {
    return perPeek(await filled(peers), inRandomOrder(peers), take)
  }, REPEATS), 'µs')
}

async function filled (peers: readonly BenchPeer[]): Promise<PeerStore> {
  const store = memoryPeerStore({ capacity: 2 * PEERS })
  await store.addPeers(sightings(peers))
  return store
}

/** What is read, as a number to be summed up. */
type Take = (peer: PeerInfo | undefined) => number

const take: Take = peer => {
  let taken = 0
  for (const { multiaddr } of peer?.addresses ?? []) taken += multiaddr == null ? 0 : 1
  return taken
}

const takeText: Take = peer => {
  let taken = 0
  for (const { multiaddr } of peer?.addresses ?? []) taken += multiaddr.toString().length > 0 ? 1 : 0
  return taken
}

const takeConfidence: Take = peer => (peer?.confidence ?? 0) > 0 ? ADDRESSES_EACH : 0

/** µs. */
function perPeek (store: PeerStore, peers: readonly BenchPeer[], take: Take): number {
  let taken = 0
  const started = performance.now()
  for (const { id } of peers) taken += take(store.peek(id))
  return per(peers.length, taken, started)
}

async function perGetPeer (store: PeerStore, peers: readonly BenchPeer[]): Promise<number> {
  let taken = 0
  const started = performance.now()
  for (const { id } of peers) taken += take(await store.getPeer(id))
  return per(peers.length, taken, started)
}

async function perLibp2pRead (store: Libp2pPeerStore, peers: readonly BenchPeer[]): Promise<number> {
  let taken = 0
  collectGarbage()
  const started = performance.now()
  for (const { id } of peers) {
    for (const { multiaddr } of (await store.get(id)).addresses) taken += multiaddr == null ? 0 : 1
  }
  return per(peers.length, taken, started)
}

function per (reads: number, taken: number, started: number): number {
  const took = performance.now() - started
  if (taken !== ADDRESSES_EACH * reads) throw new Error(`${taken} addresses in ${reads} reads`)
  return took * 1_000 / reads
}
