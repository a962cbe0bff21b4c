import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { virtualClock, type VerifiedRecord } from '@peerweave/interface'
import { complianceContext, memoryNetwork, type MemoryPorts } from '../src/index.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const anyTime = (): AbortSignal => new AbortController().signal

async function pair (connected = true): Promise<[MemoryPorts, MemoryPorts]> {
  const network = memoryNetwork()
  const [{ ports: alice }, { ports: bob }] = [await complianceContext({ network }), await complianceContext({ network })]
  if (connected) await alice.host.dial(bob.host.addresses())
  return [alice, bob]
}

describe('host', () => {
  it('connects both sides, tells both, and joins a second dial to the first', async () => {
    const [alice, bob] = await pair(false)
    const told: string[] = []
    alice.host.events.addEventListener('connect', ({ detail }) => { told.push(`alice: ${detail.direction}`) })
    bob.host.events.addEventListener('connect', ({ detail }) => { told.push(`bob: ${detail.direction}`) })
    const first = await alice.host.dial(bob.host.addresses())
    const second = await alice.host.dial(bob.host.addresses().map(address => address.encapsulate(`/p2p/${bob.host.self}`)))
    expect(second).toBe(first)
    expect(told).toEqual(['alice: outbound', 'bob: inbound'])
    expect(bob.host.connections()[0]?.peer.equals(alice.host.self)).toBe(true)
  })

  it('closes both sides and tells both', async () => {
    const [alice, bob] = await pair()
    const gone: string[] = []
    bob.host.events.addEventListener('disconnect', ({ detail }) => { gone.push(detail.toString()) })
    await alice.host.close(bob.host.self)
    expect(gone).toEqual([alice.host.self.toString()])
    expect([...alice.host.connections(), ...bob.host.connections()]).toEqual([])
  })

  it('refuses no address, addresses of two peers, places where nobody is, and what was given up', async () => {
    const [alice, bob] = await pair(false)
    const [address] = bob.host.addresses()
    if (address == null) throw new Error('bob has an address')
    await expect(alice.host.dial([])).rejects.toThrow(TypeError)
    const [asBob, asAlice] = [address.encapsulate(`/p2p/${bob.host.self}`), address.encapsulate(`/p2p/${alice.host.self}`)]
    await expect(alice.host.dial([asBob, asAlice])).rejects.toThrow(TypeError)
    await expect(alice.host.dial([asAlice])).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    await expect(alice.host.dial([multiaddr('/ip4/192.0.2.1/tcp/1')])).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    await expect(alice.host.dial([address], { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('rpc', () => {
  it('answers over an open connection, without sharing memory', async () => {
    const [alice, bob] = await pair()
    const kept = bytes(1, 2)
    await bob.rpc.handle('/echo', async (request, from) => {
      expect(from.equals(alice.host.self)).toBe(true)
      request.reverse()
      return kept
    }, { maxRequest: 10, timeout: 1_000 })
    const sent = bytes(3, 4)
    const answer = await alice.rpc.request(bob.host.self, '/echo', sent, { maxAnswer: 2, signal: anyTime() })
    answer.fill(0)
    expect([[...sent], [...kept]]).toEqual([[3, 4], [1, 2]])
  })

  it('fails as the port says', async () => {
    const [alice, bob] = await pair()
    await bob.rpc.handle('/long', async () => bytes(1, 2, 3), { maxRequest: 1, timeout: 1_000 })
    await bob.rpc.handle('/throws', async () => { throw new Error('no') }, { maxRequest: 1, timeout: 1_000 })
    await bob.rpc.handle('/hangs', async () => new Promise(() => {}), { maxRequest: 1, timeout: 1_000 })
    const ask = async (protocol: string, body = bytes(), signal = anyTime()): Promise<Uint8Array> =>
      alice.rpc.request(bob.host.self, protocol, body, { maxAnswer: 2, signal })
    await expect(ask('/unknown')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    await expect(ask('/long')).rejects.toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' })
    await expect(ask('/long', bytes(1, 2))).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    await expect(ask('/throws')).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    const controller = new AbortController()
    const hanging = ask('/hangs', bytes(), controller.signal)
    controller.abort()
    await expect(hanging).rejects.toMatchObject({ name: 'AbortError' })
    await alice.host.close(bob.host.self)
    await expect(ask('/long')).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
  })

  it('ends a handler that takes longer than it may, in the time of the clock', async () => {
    const clock = virtualClock()
    const network = memoryNetwork(clock)
    const [{ ports: alice }, { ports: bob }] = [await complianceContext({ network }), await complianceContext({ network })]
    await alice.host.dial(bob.host.addresses())
    await bob.rpc.handle('/hangs', async () => new Promise(() => {}), { maxRequest: 1, timeout: 5_000 })
    const closed = expect(alice.rpc.request(bob.host.self, '/hangs', bytes(), { maxAnswer: 1, signal: anyTime() }))
      .rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    await clock.advance(5_000)
    await closed
    expect(clock.pending).toBe(0)
  })
})

describe('pubsub', () => {
  it('delivers to connected subscribers what they accept', async () => {
    const [alice, bob] = await pair()
    const got: number[] = []
    bob.pubsub.subscribe('t', {
      validate: ({ data }) => {
        if (data[0] === 0) throw new Error('ignored')
        return data[0] === 1 ? 'accept' : 'reject'
      },
      onMessage: ({ data, from }) => {
        expect(from.equals(alice.host.self)).toBe(true)
        got.push(...data)
      }
    })
    for (const value of [0, 1, 2]) expect(await alice.pubsub.publish('t', bytes(value))).toEqual({ recipients: 1 })
    expect(await alice.pubsub.publish('other', bytes(1))).toEqual({ recipients: 0 })
    expect(got).toEqual([1])
  })

  it('tells who else is subscribed, and takes one subscription a topic', async () => {
    const [alice, bob] = await pair()
    const seen: number[] = []
    const first = alice.pubsub.subscribe('t', { onMessage: () => {}, onPeers: peers => { seen.push(peers.length) } })
    expect(() => alice.pubsub.subscribe('t', { onMessage: () => {} })).toThrow(TypeError)
    bob.pubsub.subscribe('t', { onMessage: () => {} }).unsubscribe()
    expect(seen).toEqual([1, 0])
    first.unsubscribe()
    expect(alice.leftovers()).toEqual([])
  })
})

it('what was not given back is named', async () => {
  const [alice] = await pair()
  alice.host.events.addEventListener('identify', () => {})
  await alice.rpc.handle('/p', async () => bytes(), { maxRequest: 1, timeout: 1 })
  alice.pubsub.subscribe('t', { onMessage: () => {} })
  await alice.start()
  expect(alice.leftovers()).toEqual([
    'listener of host.events "identify"', 'rpc handler of /p', 'pubsub subscription to t', 'ports started and not stopped'
  ])
})

it('records are those it was given', async () => {
  const { ports: { host: { self } } } = await complianceContext()
  const standing = { record: {} as VerifiedRecord, ttl: 1 }
  const { records } = await complianceContext({ records: new Map([[self.toString(), standing]]) })
  expect([records.get(self), records.sample(5)]).toEqual([standing, [standing]])
})
