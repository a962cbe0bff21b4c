/** Start and stop, alone and beside others: one handler for a node, and nothing left of it. */
import { memoryNetwork, type MemoryNetwork } from '@peerweave/compliance'
import { virtualClock, type VirtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { connect, createPeer, record, settled, teach, type Peer } from './support.ts'

let clock: VirtualClock
let network: MemoryNetwork
let node: Peer
let visitor: Peer

beforeEach(async () => {
  clock = virtualClock()
  network = memoryNetwork(clock)
  node = await createPeer({ network, clock })
  visitor = await createPeer({ network, clock })
  await connect(visitor, node)
})

const kinds = ({ sightings }: Pick<Peer, 'sightings'>): string[] => sightings.map(({ kind }) => kind)
const comes = async (): Promise<void> => {
  visitor.exchange.own.renew()
  await settled(clock, visitor.exchange.push(node.id))
}

describe('an exchange that is made', () => {
  it('does nothing: no handler, no listener, no timer', () => {
    expect([node.context.ports.leftovers(), clock.pending]).toEqual([[], 0])
  })

  it('answers when it was started, and no more when it was stopped', async () => {
    await expect(settled(clock, visitor.exchange.ping(node.id))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    await node.exchange.start()
    await settled(clock, visitor.exchange.ping(node.id))
    await node.exchange.stop()
    await expect(settled(clock, visitor.exchange.ping(node.id))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    expect([node.context.ports.leftovers(), clock.pending]).toEqual([[], 0])
  })

  it('may be started and stopped by several users in any order: it answers while one is there, and leaves nothing', async () => {
    const users = [node, node.user(), node.user()]
    const call = fc.record({ user: fc.nat(2), isStart: fc.boolean(), isAwaited: fc.boolean() })
    await fc.assert(fc.asyncProperty(fc.array(call, { maxLength: 12 }), async calls => {
      const present = new Set<number>()
      const under: Array<Promise<void>> = []
      for (const { user, isStart, isAwaited } of calls) {
        const { exchange } = users[user] as Peer
        under.push(isStart ? exchange.start() : exchange.stop())
        if (isStart) present.add(user)
        else present.delete(user)
        if (isAwaited) await Promise.all(under)
      }
      await Promise.all(under)
      const answers = await settled(clock, visitor.exchange.ping(node.id)).then(() => true, () => false)
      expect(answers).toBe(present.size > 0)
      expect(node.context.ports.leftovers().length > 0).toBe(present.size > 0)
      await Promise.all(users.map(({ exchange }) => exchange.stop()))
      expect([node.context.ports.leftovers(), clock.pending]).toEqual([[], 0])
    }), { numRuns: 100 })
  })

  it('that could not be started is told nothing, and can be started later', async () => {
    const { rpc } = node.context.ports
    const { handle } = rpc
    rpc.handle = async () => { throw new TypeError('handled already') }
    await expect(node.exchange.start()).rejects.toThrow('handled already')
    rpc.handle = handle
    const second = node.user()
    await second.exchange.start()
    await comes()
    expect([kinds(node), kinds(second)]).toEqual([[], ['claim']])
    await second.exchange.stop()
    await node.exchange.start()
    await comes()
    expect(kinds(node)).toEqual(['claim'])
  })

  it('says again who we are when it is started after a goodbye', async () => {
    await visitor.exchange.start()
    await node.exchange.start()
    await settled(clock, node.exchange.ask(visitor.id))
    await settled(clock, node.exchange.farewell())
    await node.exchange.stop()
    await node.exchange.start()
    await settled(clock, node.exchange.ask(visitor.id))
    expect(kinds(visitor)).toEqual(['claim', 'withdraw', 'claim'])
  })
})

describe('two users of one node', () => {
  let first: Peer
  let second: Omit<Peer, 'user'>

  beforeEach(async () => {
    first = node
    second = node.user()
    await first.exchange.start()
    await second.exchange.start()
  })

  it('share one handler; the first is told what comes unasked, and when it leaves the second is', async () => {
    expect(node.context.ports.leftovers().filter(line => line.includes('rpc handler'))).toHaveLength(1)
    await comes()
    expect([kinds(first), kinds(second)]).toEqual([['claim'], []])
    await first.exchange.stop()
    await comes()
    expect([kinds(first), kinds(second)]).toEqual([['claim'], ['claim']])
    await first.exchange.start()
    await comes()
    expect([kinds(first), kinds(second)]).toEqual([['claim'], ['claim', 'claim']])
  })

  it('share what they know', async () => {
    await visitor.exchange.start()
    await teach(visitor, [await record(1)])
    expect(await settled(clock, first.exchange.ask(visitor.id))).toMatchObject({ learnt: 2 })
    expect(await settled(clock, second.exchange.ask(visitor.id))).toMatchObject({ learnt: 0 })
    expect(second.exchange.size).toBe(2)
  })

  it('count their own answers\' drops each', async () => {
    await visitor.exchange.start()
    await teach(visitor, [await record(1)], { hops: 0 })
    await teach(first, [await record(1, { seq: 5n })], { ttl: 2_000 })
    await settled(clock, second.exchange.ask(visitor.id))
    expect([first.dropped, second.dropped]).toEqual([{}, { 'old-record': 1 }])
  })

  it('say one goodbye, when the last of them goes', async () => {
    await visitor.exchange.start()
    await settled(clock, first.exchange.ask(visitor.id))
    await settled(clock, first.exchange.farewell())
    await first.exchange.stop()
    expect(kinds(visitor)).toEqual(['claim'])
    // The one that stays is heard of still.
    expect((await settled(clock, visitor.exchange.ask(node.id))).claims.map(({ peerId }) => peerId.toString())).toEqual([node.id.toString()])
    await settled(clock, second.exchange.farewell())
    expect(kinds(visitor)).toEqual(['claim', 'withdraw'])
  })

  it('say it once when both go at the same time', async () => {
    await visitor.exchange.start()
    await settled(clock, first.exchange.ask(visitor.id))
    await settled(clock, Promise.all([first.exchange.farewell(), second.exchange.farewell()]))
    expect(kinds(visitor)).toEqual(['claim', 'withdraw'])
  })

  it('say it anew after one of them has announced us again', async () => {
    await visitor.exchange.start()
    await settled(clock, first.exchange.ask(visitor.id))
    await settled(clock, Promise.all([first.exchange.farewell(), second.exchange.farewell()]))
    await settled(clock, first.exchange.announce(node.context.ports.host.addresses(), [visitor.id]))
    await settled(clock, second.exchange.farewell())
    expect(kinds(visitor)).toEqual(['claim', 'withdraw', 'claim'])
    await settled(clock, first.exchange.farewell())
    expect(kinds(visitor)).toEqual(['claim', 'withdraw', 'claim', 'withdraw'])
  })
})

describe('two prefixes', () => {
  it('never meet', async () => {
    const other = node.user({ prefix: 'other' })
    await other.exchange.start()
    await expect(settled(clock, visitor.exchange.ping(node.id))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    await node.exchange.start()
    await settled(clock, visitor.exchange.push(node.id))
    expect([kinds(node), kinds(other)]).toEqual([['claim'], []])
    expect([node.exchange.size, other.exchange.size]).toEqual([1, 0])
    await node.exchange.stop()
    await settled(clock, visitor.user({ prefix: 'other' }).exchange.ping(node.id))
    await other.exchange.stop()
    expect(node.context.ports.leftovers()).toEqual([])
  })
})
