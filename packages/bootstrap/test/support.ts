/** What the tests of asking share: bootstrap nodes on an in-memory network, in virtual time. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { complianceContext, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { exchange, type Exchange } from '@peerweave/exchange'
import { names, seededRng, type Claim, type Sighting, type VirtualClock } from '@peerweave/interface'
import { keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { bytesField, concat, varintField } from '@peerweave/records/protobuf'
import type { VerifiedRecord } from '@peerweave/interface'
import type { Bootstrap } from '../src/index.ts'

export const PROTOCOL = names().protocols.exchange

/** A node that answers those who ask. */
export interface Server {
  readonly context: ComplianceContext
  readonly exchange: Exchange
  readonly id: string
  readonly address: Multiaddr
  readonly sightings: Sighting[]
  /** When it was asked, and whether a record came along. */
  readonly requests: Array<{ at: number, isBringing: boolean }>
}

export function addressOf ({ ports: { host } }: ComplianceContext): Multiaddr {
  return (host.addresses()[0] as Multiaddr).encapsulate(`/p2p/${host.self}`)
}

/** An address where nobody is, of a peer that exists. */
export async function dead (): Promise<Multiaddr> {
  return addressOf(await complianceContext({ addresses: [multiaddr('/ip4/10.99.0.1/tcp/1')] }))
}

export async function server (network: MemoryNetwork, clock: VirtualClock, options: Partial<Parameters<typeof exchange>[1]> & { context?: ComplianceContext } = {}): Promise<Server> {
  const { context = await complianceContext({ network }), ...rest } = options
  const sightings: Sighting[] = []
  const requests: Server['requests'] = []
  const { rpc } = context.ports
  const { handle } = rpc
  rpc.handle = async (protocol, handler, bounds) => {
    await handle(protocol, async (body, ...others) => {
      requests.push({ at: clock.now(), isBringing: body[18] === 0x12 }) // behind the id: field 2
      return await handler(body, ...others)
    }, bounds)
  }
  const made = exchange(context, { sight: sighting => { sightings.push(sighting) }, drop: () => {}, clock, rng: seededRng(2), ...rest })
  await made.start()
  return { context, exchange: made, id: context.ports.host.self.toString(), address: addressOf(context), sightings, requests }
}

/** A record of somebody who is not there; the same number is the same peer. */
export async function record (number: number, addresses = ['/ip4/10.50.0.1/tcp/1']): Promise<VerifiedRecord> {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number + 1)
  const signer = keySigner(await generateKeyPairFromSeed('Ed25519', seed))
  const opened = await openPeerRecord(await sealPeerRecord({ signer, multiaddrs: addresses.map(text => multiaddr(text)), seq: 1n }))
  if (opened.record == null) throw new Error(opened.refused)
  return opened.record
}

export async function teach ({ exchange }: Pick<Server, 'exchange'>, count: number, from = 0): Promise<string[]> {
  const records = await Promise.all(Array.from({ length: count }, (_, i) => record(from + i)))
  for (const record of records) exchange.learn({ record, ttl: 1_200_000, hops: 0, reporter: record.peerId, isAsked: true }, 'private')
  return records.map(({ peerId }) => peerId.toString())
}

/** An answer by hand (docs/protocols/exchange.md): what a node that is not ours may say. */
export function answer (request: Uint8Array, { records = [], hasMore = false, wait = 0 }: { records?: Uint8Array[], hasMore?: boolean, wait?: number } = {}): Uint8Array {
  return concat(
    request.subarray(0, 18), // the id, with its tag and length
    ...records.map(bytes => bytesField(2, concat(bytesField(1, bytes), varintField(2, 600_000n), varintField(3, 1n)))),
    varintField(3, hasMore ? 1n : 0n),
    varintField(4, BigInt(wait))
  )
}

/** Done with time standing still. */
export async function settled<T> (clock: VirtualClock, work: T | Promise<T>): Promise<T> {
  const doing = Promise.resolve(work)
  let isDone = false
  void doing.then(() => { isDone = true }, () => { isDone = true })
  for (let i = 0; i < 300 && !isDone; i++) await clock.settle()
  return await doing
}

export async function round (clock: VirtualClock, mechanism: Bootstrap, options?: Parameters<Bootstrap['discoverPeers']>[0]): Promise<Claim[]> {
  return await settled(clock, Array.fromAsync(mechanism.discoverPeers(options))) as Claim[]
}

export const ids = (claims: readonly Sighting[]): string[] => claims.flatMap(claim => 'peerId' in claim ? claim.peerId.toString() : []).sort()

/** What is news, from now on. */
export function newsOf (mechanism: Bootstrap): Sighting[] {
  const news: Sighting[] = []
  mechanism.addEventListener('sighting', ({ detail }) => news.push(detail))
  return news
}

/** Every dial of a node, from now on. */
export function dialsOf ({ ports: { host } }: ComplianceContext, clock: VirtualClock): Array<{ at: number, to: string }> {
  const dials: Array<{ at: number, to: string }> = []
  const { dial } = host
  host.dial = async (target, options) => {
    dials.push({ at: clock.now(), to: String(target[0]) })
    return await dial(target, options)
  }
  return dials
}
