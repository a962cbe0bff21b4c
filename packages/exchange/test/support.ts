/** What the tests share: nodes on an in-memory network, records of anybody, and peers that exist only as records. */
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { complianceContext, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { seededRng, type Rng, type Sighting, type StandingRecord, type VerifiedRecord, type VirtualClock } from '@peerweave/interface'
import { keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { exchange, type Exchange, type ExchangeOptions } from '../src/index.ts'
import type { Heard } from '../src/index.ts'
import type { PeerId, PrivateKey } from '@libp2p/interface'

export const numRuns = { ci: 10_000, long: 200_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 1_000

/** Addresses that the policy takes for what they are here; nothing is dialled. */
export const PUBLIC = '/ip4/8.8.8.8/tcp/4001'
export const PRIVATE = '/ip4/192.168.1.7/tcp/4001'
export const LOOPBACK = '/ip4/127.0.0.1/tcp/4001'

export interface Peer {
  readonly id: PeerId
  readonly privateKey: PrivateKey
  readonly context: ComplianceContext
  readonly exchange: Exchange
  /** What was told unasked. */
  readonly sightings: Sighting[]
  readonly dropped: Record<string, number>
  /** One more user of the same node. */
  user: (options?: Partial<ExchangeOptions>) => Omit<Peer, 'user'>
}

export interface PeerInit extends Partial<ExchangeOptions> {
  network: MemoryNetwork
  clock: VirtualClock
  addresses?: string[]
  records?: ReadonlyMap<string, StandingRecord>
}

export async function createPeer ({ network, clock, addresses, records, ...options }: PeerInit): Promise<Peer> {
  const privateKey = await generateKeyPair('Ed25519')
  const context = await complianceContext({
    network, privateKey,
    ...addresses != null && { addresses: addresses.map(text => multiaddr(text)) },
    ...records != null && { records }
  })
  const user: Peer['user'] = (more = {}) => {
    const sightings: Sighting[] = []
    const dropped: Record<string, number> = {}
    return {
      id: context.ports.host.self,
      privateKey,
      context,
      sightings,
      dropped,
      exchange: exchange(context, {
        sight: sighting => { sightings.push(sighting) },
        drop: reason => { dropped[reason] = (dropped[reason] ?? 0) + 1 },
        clock,
        rng: seededRng(1),
        hashKey: new Uint8Array(8),
        ...options,
        ...more
      })
    }
  }
  return { ...user(), user }
}

export async function connect (from: Pick<Peer, 'context'>, to: Pick<Peer, 'context'>): Promise<void> {
  await from.context.ports.host.dial(to.context.ports.host.addresses())
}

/** What was asked of an exchange, with time standing still. */
export async function settled<T> (clock: VirtualClock, work: T | Promise<T>): Promise<T> {
  const doing = Promise.resolve(work)
  let isDone = false
  void doing.then(() => { isDone = true }, () => { isDone = true })
  for (let i = 0; i < 1_000 && !isDone; i++) await clock.settle()
  return await doing
}

/** A record of somebody who is not there; the same number is the same peer. */
export async function sealed (number: number, { seq = 1n, addresses = [PUBLIC] }: { seq?: bigint, addresses?: string[] } = {}): Promise<Uint8Array> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number + 1)
  const signer = keySigner(await generateKeyPairFromSeed('Ed25519', seed))
  return await sealPeerRecord({ signer, multiaddrs: addresses.map(text => multiaddr(text)), seq })
}

export async function opened (bytes: Uint8Array): Promise<VerifiedRecord> {
  const { record, refused } = await openPeerRecord(bytes)
  if (record == null) throw new Error(refused)
  return record
}

export async function record (...args: Parameters<typeof sealed>): Promise<VerifiedRecord> {
  return await opened(await sealed(...args))
}

/** A record of a node of the test, by its own key. */
export async function recordOf (peer: Pick<Peer, 'privateKey'>, seq: bigint, addresses: string[]): Promise<Uint8Array> {
  return await sealPeerRecord({ signer: keySigner(peer.privateKey), multiaddrs: addresses.map(text => multiaddr(text)), seq })
}

/** Teaches an exchange records that it then serves. */
export async function teach (server: Pick<Peer, 'exchange' | 'id'>, records: readonly VerifiedRecord[], heard: Partial<Heard> = {}): Promise<void> {
  for (const record of records) {
    server.exchange.learn({ record, ttl: 1_200_000, hops: 0, reporter: record.peerId, isAsked: true, ...heard }, 'loopback')
  }
}

/** As much of a peer id as a table looks at: real ones by the thousand would take longer than the test. */
export function paperId (name: string | number): PeerId {
  const text = `peer ${name}`
  const bytes = new TextEncoder().encode(text)
  const id = { toString: () => text, toMultihash: () => ({ bytes }), equals: (other: unknown) => String(other) === text }
  return id as unknown as PeerId
}

/** A record as the table sees it; nobody signed it. */
export function paperRecord (name: string | number, seq = 1n, addresses: string[] = [PUBLIC]): VerifiedRecord {
  const record = { peerId: paperId(name), seq, addresses: addresses.map(text => multiaddr(text)), bytes: new Uint8Array(), payloadHash: new Uint8Array() }
  return record as unknown as VerifiedRecord
}

/** The highest and the lowest of chance. */
export const highest: Rng = { float: () => 1 - 2 ** -32, int: below => below - 1 }
export const lowest: Rng = { float: () => 0, int: () => 0 }
