/** Which signed records mechanisms are handed for those who ask. */
import { openPeerRecord, sealPeerRecord, keySigner } from '@peerweave/records'
import { multiaddr } from '@multiformats/multiaddr'
import { limits, seededRng, virtualClock, type Evidence, type RecordSource, type VerifiedRecord } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { beforeEach, expect, it } from 'vitest'
import { peerKey } from '../../../test/support/peers.ts'
import { DRAWN_FOR, DRAWN_PEERS } from '../src/constants.ts'
import { recordSource } from '../src/record-source.ts'
import { handmade, world } from './support.ts'

let clock: ReturnType<typeof virtualClock>
let store: ReturnType<typeof memoryPeerStore>
let source: RecordSource

beforeEach(async () => {
  clock = virtualClock()
  store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
  await store.start()
  source = recordSource({ store, clock, rng: seededRng(1) })
})

async function signed (number: number, seq: number, addresses = [`/ip4/1.2.${number >> 8}.${number & 255}/tcp/${seq}`]): Promise<VerifiedRecord> {
  const bytes = await sealPeerRecord({ signer: keySigner(await peerKey(number)), multiaddrs: addresses.map(text => multiaddr(text)), seq: BigInt(seq) })
  const { record } = await openPeerRecord(bytes)
  if (record == null) throw new Error('the record is none')
  return record
}

async function add (record: VerifiedRecord | undefined, init: Partial<Evidence> = {}): Promise<void> {
  const number = clock.now()
  await store.addPeer({
    peerId: record?.peerId ?? (await signed(1, 1)).peerId,
    multiaddrs: [...record?.addresses ?? []],
    source: { path: 'one', type: 'one', group: `net:${number}` },
    observedAt: clock.now(),
    expiresAt: clock.now() + 60_000,
    record,
    ...init
  })
}

it('a record stands as long as the evidence that brought it', async () => {
  const record = await signed(1, 1)
  await add(record)
  await clock.advance(10_000)
  expect(source.get(record.peerId)).toMatchObject({ ttl: 50_000, record: { seq: 1n } })
  expect(Buffer.from(source.get(record.peerId)?.record.bytes ?? [])).toEqual(Buffer.from(record.bytes))
  await clock.advance(50_000)
  expect(source.get(record.peerId)).toBe(undefined)
})

it('of a peer that signed nothing there is none', async () => {
  await add(undefined, { multiaddrs: [multiaddr('/ip4/1.2.3.4/tcp/1')] })
  expect([source.get((await signed(1, 1)).peerId), source.sample(9)]).toEqual([undefined, []])
})

it('a record of which a part was not believed is not handed on', async () => {
  const record = await signed(1, 1, ['/ip4/1.2.3.4/tcp/1', '/ip4/127.0.0.1/tcp/22'])
  await add(record, { multiaddrs: [multiaddr('/ip4/1.2.3.4/tcp/1')] })
  expect([source.get(record.peerId), source.sample(9)]).toEqual([undefined, []])
})

it('a sample has each peer once, no more than are wanted, and only those who speak what is wanted', async () => {
  const records = await Promise.all(Array.from({ length: 20 }, (_, i) => signed(i + 1, 1)))
  for (const [i, record] of records.entries()) await add(record, { protocols: i < 5 ? ['/a'] : ['/b'] })
  const ids = source.sample(100).map(({ record }) => record.peerId.toString())
  expect(ids.sort()).toEqual(records.map(({ peerId }) => peerId.toString()).sort())
  expect(source.sample(7)).toHaveLength(7)
  expect(source.sample(100, { protocols: ['/a'] })).toHaveLength(5)
  expect(source.sample(100, { protocols: ['/a', '/b'] })).toEqual([])
  expect(source.sample(100, { without: id => records[0]?.peerId.equals(id) === true })).toHaveLength(19)
})

it('whoever asks often sees the same few: nobody reads the whole table by asking', async () => {
  for (let i = 1; i <= 2 * DRAWN_PEERS; i++) await add(await signed(i, 1))
  const seen = new Set<string>()
  const ask = (): void => { for (const { record } of source.sample(limits.exchangeAnswer)) seen.add(record.peerId.toString()) }
  for (let i = 0; i < 100; i++) ask()
  expect(seen.size).toBe(DRAWN_PEERS)
  await clock.advance(DRAWN_FOR)
  for (let i = 0; i < 100; i++) ask()
  expect(seen.size).toBeGreaterThan(DRAWN_PEERS)
})

it('mechanisms inside multi are handed those of its store', async () => {
  let records: RecordSource | undefined
  const one = handmade('one')
  const w = await world([context => {
    records = context.records
    return one.factory(context)
  }], { interval: Infinity })
  await w.multi.start()
  const record = await signed(1, 1)
  await w.multi.store.addPeer({
    peerId: record.peerId, multiaddrs: [...record.addresses], source: { path: 'x', type: 'x', group: 'g' }, observedAt: 0, expiresAt: 1_000, record
  })
  expect(records?.get(record.peerId)?.ttl).toBe(1_000 - w.clock.now())
  await w.multi.stop()
})
