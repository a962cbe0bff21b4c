/** What kad-dht keeps, in a real datastore, with keys and values as kad-dht writes them. */
import { Record as DhtRecord } from '@libp2p/kad-dht'
import { LimitExceededError, limits, seededRng, virtualClock } from '@peerweave/interface'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { varint } from 'multiformats'
import { beforeEach, describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { providerKey } from '../src/index.ts'
import { ASKED } from '../src/kad.ts'
import { recordKey } from '../src/record-key.ts'
import { SoundRecords } from '../src/sound-records.ts'
import { base32 } from 'multiformats/bases/base32'
import { all, bytes } from './support/net.ts'
import type { PeerId } from '@libp2p/interface'

const DAY = 86_400_000
const peers = await Promise.all(Array.from({ length: 120 }, async (_, i) => await peer(i + 1)))
const self = await peer(1_000)

let inner: MemoryDatastore
let clock: ReturnType<typeof virtualClock>
let unknown: Set<string>
let groups: Map<string, string>
let dropped: string[]
let asked: number
let records: SoundRecords

beforeEach(() => {
  inner = new MemoryDatastore()
  clock = virtualClock()
  unknown = new Set()
  groups = new Map()
  dropped = []
  asked = 0
  records = make()
})

function make (): SoundRecords {
  return new SoundRecords({
    inner, prefix: '/dht', self, ttl: DAY, clock, rng: seededRng(1), drop: reason => { dropped.push(reason) },
    isKnown: async id => {
      asked++
      return !unknown.has(id)
    },
    groupOf: id => groups.get(id),
    selectors: () => ({ test: (_key, values) => values.findIndex(value => value[0] === Math.max(...values.map(([first]) => first ?? 0))) })
  })
}

async function prefixOf (content: string): Promise<string> {
  return `/dht/provider/${base32.baseEncode((await providerKey(bytes(content))).multihash.bytes)}`
}

async function provide (content: string, provider: PeerId): Promise<void> {
  const now = clock.wall()
  await records.put(new Key(`${await prefixOf(content)}/${provider}`), varint.encodeTo(now, new Uint8Array(varint.encodingLength(now))))
}

async function givenOut (content: string): Promise<string[]> {
  const pairs = await all(records.query({ prefix: await prefixOf(content) }))
  return pairs.map(({ key }) => key.toString().split('/').at(-1)!)
}

const ids = (of: PeerId[]): string[] => of.map(String).sort()

describe('providers', () => {
  it('are given out until their record lapses, ours for ever', async () => {
    await provide('a', peers[0]!)
    await provide('a', self)
    await clock.advance(DAY / 2)
    await provide('a', peers[1]!)
    expect((await givenOut('a')).sort()).toEqual(ids([peers[0]!, peers[1]!, self]))
    await clock.advance(DAY / 2 + 1)
    expect((await givenOut('a')).sort()).toEqual(ids([peers[1]!, self]))
    await clock.advance(DAY)
    expect(await givenOut('a')).toEqual(ids([self]))
    // kad-dht sweeps by looking at all of them.
    expect(await all(records.query({ prefix: '/dht/provider' }))).toHaveLength(3)
  })

  it('that the peer store does not know are left out, so that kad-dht can answer for the others', async () => {
    for (const provider of peers.slice(0, 3)) await provide('a', provider)
    unknown.add(peers[1]!.toString())
    expect((await givenOut('a')).sort()).toEqual(ids([peers[0]!, peers[2]!]))
  })

  it.each([99, 100, 101, 120])('are a choice of %d, each time another one when there are too many', async count => {
    for (const provider of peers.slice(0, count)) await provide('a', provider)
    const [first, second] = [await givenOut('a'), await givenOut('a')]
    expect(first).toHaveLength(Math.min(count, limits.dhtProvidersPerAnswer))
    expect(new Set(first).size).toBe(first.length)
    if (count === 120) expect(first.sort()).not.toEqual(second.sort())
  })

  it('of one peer are bounded, and a network of many peers takes no place from another', async () => {
    for (let i = 0; i < limits.dhtProvidersPerPeer + 5; i++) await provide(`flood ${i}`, peers[0]!)
    expect(records.stored.providers).toBe(limits.dhtProvidersPerPeer)
    expect(await givenOut('flood 0')).toEqual([])
    expect(await givenOut(`flood ${limits.dhtProvidersPerPeer}`)).toEqual([peers[0]!.toString()])
  })

  it('of peers that hung up before their record was kept share one place, so that hanging up gains nothing', async () => {
    // Ids without a connection, as many as there are places, and then one from a network that we see.
    const sybils = Array.from({ length: limits.dhtProviders }, (_, i) => `12D3KooW${'x'.repeat(38)}${i.toString(36).padStart(6, '0')}`)
    const prefix = await prefixOf('a')
    for (const id of sybils) await inner.put(new Key(`${prefix}/${id}`), varint.encodeTo(clock.wall(), new Uint8Array(6)))
    groups.set(peers[0]!.toString(), '1.2')
    for (const content of ['a', 'b', 'c']) await provide(content, peers[0]!)
    for (const content of ['a', 'b', 'c']) expect(await records.has(new Key(`${await prefixOf(content)}/${peers[0]}`))).toBe(true)
    expect(records.stored.providers).toBe(limits.dhtProviders)
  })

  it('do not make an answer ask the peer store of thousands', async () => {
    for (let i = 0; i < 2_000; i++) await inner.put(new Key(`${await prefixOf('a')}/id${i}`), varint.encodeTo(clock.wall(), new Uint8Array(6)))
    expect(await givenOut('a')).toHaveLength(limits.dhtProvidersPerAnswer)
    for (let i = 0; i < 2_000; i++) unknown.add(`id${i}`)
    asked = 0
    expect(await givenOut('a')).toEqual([])
    expect(asked).toBeLessThanOrEqual(2 * limits.dhtProvidersPerAnswer)
  })

  it('are counted again after a restart, and ours are told', async () => {
    await provide('a', self)
    await clock.advance(1_000)
    await provide('b', peers[0]!)
    records = make()
    await records.count()
    expect(records.stored.providers).toBe(1)
    const own = await all(records.own())
    expect(own).toEqual([{ multihash: (await prefixOf('a')).split('/').at(-1), at: clock.wall() - 1_000 }])
  })

  it('are not there for a look-up of ours, which kad-dht would end with k of them, and are read apart', async () => {
    for (const provider of peers.slice(0, 3)) await provide('a', provider)
    const asked = { signal: new AbortController().signal, [ASKED]: true as const }
    expect(await all(records.query({ prefix: await prefixOf('a') }, asked))).toEqual([])
    expect(ids(await all(records.providersOf(await providerKey(bytes('a')))))).toEqual(ids(peers.slice(0, 3)))
  })

  it('with anything for a time have lapsed', async () => {
    await records.put(new Key(`${await prefixOf('a')}/${peers[0]}`), new Uint8Array(0))
    expect(await givenOut('a')).toEqual([])
  })
})

describe('values', () => {
  const put = async (key: string, value: Uint8Array): Promise<unknown> => {
    return await records.put(recordKey('/dht', bytes(key)), new DhtRecord(bytes(key), value, new Date(0)).serialize().subarray())
  }
  const get = async (key: string): Promise<Uint8Array> => DhtRecord.deserialize(await records.get(recordKey('/dht', bytes(key)))).value

  it('give way to better ones, and to nothing else (js-libp2p #3377)', async () => {
    await put('/test/a', Uint8Array.of(5))
    await expect(put('/test/a', Uint8Array.of(3))).rejects.toThrow(/better value/)
    expect(await get('/test/a')).toEqual(Uint8Array.of(5))
    await put('/test/a', Uint8Array.of(5))
    await put('/test/a', Uint8Array.of(7))
    expect(await get('/test/a')).toEqual(Uint8Array.of(7))
    expect(dropped).toEqual(['older-value'])
    // Without a selector the last one stands, as in kad-dht.
    await put('/pk/a', Uint8Array.of(5))
    await put('/pk/a', Uint8Array.of(3))
    expect(await get('/pk/a')).toEqual(Uint8Array.of(3))
  })

  it('with keys of any length are refused, also where the validator takes them', async () => {
    await put('/pk/a', Uint8Array.of(1))
    await expect(put(`/test/${'x'.repeat(2_000_000)}`, Uint8Array.of(1))).rejects.toBeInstanceOf(LimitExceededError)
    expect(await get('/pk/a')).toEqual(Uint8Array.of(1))
  })

  it('of one namespace take no place from those of another', async () => {
    await put('/test/a', Uint8Array.of(1))
    for (let i = 0; i <= limits.dhtValues; i++) await put(`/pk/${i}`, Uint8Array.of(1))
    expect(await get('/test/a')).toEqual(Uint8Array.of(1))
    expect(records.stored.values).toBe(limits.dhtValues)
  })

  it.each([[-1, true], [0, true], [1, false]])('of %d bytes more than may be are taken: %s', async (beyond, isTaken) => {
    const putting = put('/pk/a', new Uint8Array(limits.dhtValueBytes + beyond))
    if (isTaken) await putting
    else await expect(putting).rejects.toBeInstanceOf(LimitExceededError)
    expect(records.stored.values).toBe(isTaken ? 1 : 0)
  })
})

it('what is not kad-dht’s passes through', async () => {
  await records.put(new Key('/peers/a'), Uint8Array.of(1))
  expect(await records.get(new Key('/peers/a'))).toEqual(Uint8Array.of(1))
  expect(await all(records.query({ prefix: '/peers' }))).toHaveLength(1)
  expect(records.stored).toEqual({ providers: 0, values: 0 })
})
