/**
 * From a mechanism's round to the view, one sighting after the other: without a signature beside the bare store, and with
 * one by a signer of its own each beside libp2p's opening of the same envelopes.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits, type Claim } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { keySigner, sealPeerRecord } from '@peerweave/records'
import { alternate, beside, type Measured } from '../../harness.ts'
import { told } from '../../multi/told.ts'
import { collectGarbage } from '../../peer-store/collect-garbage.ts'
import { benchPeers, sighting, type BenchPeer } from '../../peer-store/peers.ts'

const REPEATS = 7
/** Of one round. */
const SIGHTINGS = 8_000
/** Fewer than signatures are verified in a second. */
const SIGNED = 900

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  progress(`${SIGHTINGS} sightings without a signature …`)
  yield beside('a sighting without a new signature', 'µs', 'the bare store',
    await alternate(async () => await throughMulti(SIGHTINGS), async () => await intoStore(SIGHTINGS), REPEATS))
  progress(`sealing ${SIGNED} records …`)
  const records = await sealed(SIGNED)
  yield beside('a sighting with one, each of another signer', 'µs', 'RecordEnvelope.openAndCertify and PeerRecord',
    await alternate(async () => await signedThroughMulti(records), async () => await opened(records), REPEATS))
}

async function throughMulti (count: number): Promise<number> {
  const peers = benchPeers(count)
  return await throughRound(peers.map(claimOf))
}

/** µs per sighting. */
async function throughRound (claims: Claim[]): Promise<number> {
  const made = await told({ store: memoryPeerStore({ capacity: 4 * SIGHTINGS }) })
  const { multi } = made
  made.answers = claims
  await multi.start()
  collectGarbage()
  const begun = performance.now()
  let taken = 0
  for await (const _ of multi.discoverPeers({ limit: Infinity })) taken++
  const took = performance.now() - begun
  await multi.stop()
  if (taken !== claims.length) throw new Error(`${taken} of ${claims.length} sightings were taken: ${JSON.stringify(multi.refusals())}`)
  return took * 1_000 / taken
}

/** By a reporter of its quota group, as the bare store's evidence is, and as much of it; on the internet, where policy lets all of it in. */
function claimOf (peer: BenchPeer): Claim {
  const { protocols, metadata } = sighting(peer)
  const reporter = { remoteAddr: multiaddr(`/ip4/45.${peer.number >> 5}.1.1/tcp/4001`) }
  return { kind: 'claim', peerId: peer.id, multiaddrs: addressesOf(peer), ttl: 600_000, reporter, ...protocols && { protocols }, ...metadata && { metadata } }
}

function addressesOf ({ number }: BenchPeer): Multiaddr[] {
  const host = `46.${number >> 16}.${number >> 8 & 255}.${number & 255}`
  return [`/ip4/${host}/tcp/4001`, `/ip4/${host}/udp/4001/quic-v1`, `/ip6/2a00:1450::${(number + 1).toString(16)}/tcp/4001`].map(text => multiaddr(text))
}

async function intoStore (count: number): Promise<number> {
  const store = memoryPeerStore({ capacity: 4 * count })
  await store.start()
  const evidence = benchPeers(count).map(peer => sighting(peer))
  collectGarbage()
  const begun = performance.now()
  let taken = 0
  for (const item of evidence) taken += (await store.addPeer(item)).outcome === 'new' ? 1 : 0
  const took = performance.now() - begun
  await store.stop()
  if (taken !== count) throw new Error(`${taken} of ${count} were taken`)
  return took * 1_000 / count
}

interface Sealed {
  peer: BenchPeer
  bytes: Uint8Array
}

async function sealed (count: number): Promise<Sealed[]> {
  return await Promise.all(Array.from({ length: count }, async (_, number) => {
    const privateKey = await generateKeyPair('Ed25519')
    const peer = { id: peerIdFromPrivateKey(privateKey), number }
    const bytes = await sealPeerRecord({ signer: keySigner(privateKey), multiaddrs: addressesOf(peer), seq: 1n })
    return { peer, bytes }
  }))
}

async function signedThroughMulti (records: readonly Sealed[]): Promise<number> {
  if (records.length > limits.verificationsPerSecond) throw new Error('more than may be verified in a second')
  return await throughRound(records.map(({ peer, bytes }) => ({
    // As a mechanism hands it on: the addresses are those of the record, and each came by a neighbour of its own.
    ...claimOf(peer), multiaddrs: [], signedPeerRecord: bytes.slice(), reporter: { remoteAddr: multiaddr(`/ip4/45.9.${peer.number >> 8}.${peer.number & 255}/tcp/4001`) }
  })))
}

async function opened (records: readonly Sealed[]): Promise<number> {
  const copies = records.map(({ bytes }) => bytes.slice())
  collectGarbage()
  const begun = performance.now()
  let addresses = 0
  for (const bytes of copies) {
    const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN)
    addresses += PeerRecord.createFromProtobuf(envelope.payload).multiaddrs.length
  }
  const took = performance.now() - begun
  if (addresses !== 3 * records.length) throw new Error(`${addresses} addresses`)
  return took * 1_000 / records.length
}
