/** Life cycles that go wrong: each stays in its lane, is tried again, and says why. */
import { limits, type DiscoveryMechanism, type PeerStore } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { expect, it, describe } from 'vitest'
import { claim, handmade, ids, peer, record, started, world, type World } from './support.ts'

const a = await peer(1)
const forever = new Promise<never>(() => {})

async function stopped ({ multi, clock }: World): Promise<void> {
  const stopping = Promise.resolve(multi.stop())
  await clock.advance(3 * limits.lifecycleDeadline)
  await stopping
  expect(clock.pending, 'timers left').toBe(0)
}

describe('a mechanism whose start fails', () => {
  it('is started again with back-off, and meanwhile says why', async () => {
    let attempts = 0
    const late = handmade('late', { open: () => { if (++attempts < 4) throw new Error(`no interface yet (${attempts})`) } })
    late.answers.push(claim(a))
    const w = await world([late.factory])
    await started(w)
    expect(w.multi.mechanisms().get('late')?.lastError?.message).toMatch(/no interface yet/)
    expect(w.multi.status().state).toBe('degraded')
    const asking = Array.fromAsync(w.multi.discover())
    await expect(asking).rejects.toThrow(/late \(no interface yet/)
    await w.clock.advance(60_000)
    expect(attempts).toBe(4)
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    expect(w.multi.status().state).toBe('running')
    expect(w.multi.mechanisms().get('late')).toMatchObject({ state: 'running', failuresInRow: 0 })
    await stopped(w)
  })
})

describe('a mechanism that breaks the contract itself', () => {
  const broken: Array<[string, (made: DiscoveryMechanism) => object]> = [
    ['gives no status', () => ({ status: () => undefined })],
    ['throws in status', () => ({ status: () => { throw new Error('no status') } })],
    ['has no capabilities', () => ({ capabilities: undefined })],
    ['cannot be listened to', () => ({ addEventListener: () => { throw new Error('deaf') } })],
    ['throws in discoverPeers', () => ({ discoverPeers: () => { throw new Error('no rounds') } })],
    ['throws in every hook', () => Object.fromEntries(['beforeStart', 'start', 'afterStart', 'beforeStop', 'stop', 'afterStop'].map(hook => {
      return [hook, () => { throw new Error(`no ${hook}`) }]
    }))],
    ['hangs in every hook', () => Object.fromEntries(['beforeStart', 'start', 'afterStart', 'beforeStop', 'stop', 'afterStop'].map(hook => {
      return [hook, () => forever]
    }))]
  ]

  it.each(broken)('%s: the others are started, found by, and stopped', async (_, parts) => {
    const good = handmade('good')
    good.answers.push(claim(a))
    const bad = handmade('bad')
    const w = await world([context => {
      const made = bad.factory(context)
      for (const [name, value] of Object.entries(parts(made))) Object.defineProperty(made, name, { value })
      return made
    }, good.factory])
    await started(w)
    expect(await ids(w.multi.peers())).toEqual([a.toString()])
    expect(w.multi.mechanisms().get('bad')).toBeDefined()
    await stopped(w)
    expect(w.multi.status().state).toBe('stopped')
  })
})

describe('announcing', () => {
  it('is renewed at 7/8 of what was granted, tried again when it failed, and taken back where it stood', async () => {
    const announced: number[] = []
    let goodbyes = 0
    const one = handmade('one', {
      announceSelf: async () => {
        announced.push(w.clock.now())
        if (announced.length === 1) throw new Error('not yet')
        return { ttl: 80_000 }
      },
      withdrawSelf: async () => { goodbyes++ }
    })
    const never = handmade('never', { announceSelf: async () => { throw new Error('never') }, withdrawSelf: async () => { goodbyes += 100 } })
    const w = await world([one.factory, never.factory], { interval: Infinity })
    await started(w)
    await w.clock.advance(200_000)
    const [first = NaN, second = NaN, third = NaN] = announced
    expect(second - first).toBe(30_000)
    expect(third - second).toBe(70_000)
    await stopped(w)
    expect(goodbyes).toBe(1)
  })

  it('that hangs is given up and tried again, and a goodbye that hangs does not hold stop', async () => {
    let calls = 0
    const hanging = handmade('hanging', {
      announceSelf: async () => ++calls === 1 ? forever : { ttl: 600_000 },
      withdrawSelf: async () => forever
    })
    const w = await world([hanging.factory], { interval: Infinity })
    await started(w)
    await w.clock.advance(120_000)
    expect(calls).toBe(2)
    await stopped(w)
  })
})

describe('a store that fails', () => {
  function failing (method: 'addPeer' | 'withdraw', times: number): PeerStore {
    const store = memoryPeerStore()
    const real = store[method].bind(store) as unknown as (...args: unknown[]) => Promise<unknown>
    let left = times
    return Object.assign(store, { [method]: async (...args: unknown[]) => left-- > 0 ? Promise.reject(new Error('disk')) : real(...args) })
  }

  it.each(['addPeer', 'withdraw'] as const)('in %s costs that sighting, with a reason', async method => {
    const one = handmade('one')
    const w = await world([one.factory], { store: failing(method, 1), interval: Infinity })
    await started(w)
    const said = method === 'addPeer' ? claim(a) : { kind: 'withdraw' as const, peerId: a, reporter: { configured: true } }
    one.say(said, claim(await peer(2)))
    await w.clock.settle()
    expect(w.multi.refusals()['one']).toEqual({ 'store-failed': 1 })
    expect(await ids(w.multi.peers())).toEqual([(await peer(2)).toString()])
    await stopped(w)
  })

  it('in start makes start reject, and leaves nothing behind', async () => {
    const store = memoryPeerStore()
    Object.assign(store, { start: async () => Promise.reject(new Error('disk')) })
    const w = await world([handmade('one').factory], { store })
    await expect(w.multi.start()).rejects.toThrow('disk')
    expect(w.multi.status().state).toBe('stopped')
    expect(w.context.ports.leftovers()).toEqual([])
    await stopped(w)
  })

  it('in expire is asked again', async () => {
    const one = handmade('one')
    const w = await world([one.factory], { interval: Infinity })
    const expire = w.multi.store.expire.bind(w.multi.store)
    let calls = 0
    Object.assign(w.multi.store, { expire: async (now: number) => ++calls === 1 ? Promise.reject(new Error('disk')) : expire(now) })
    const expired = record(w.multi, 'peer:expire')
    await started(w)
    one.say(claim(a, { ttl: 2_000 }))
    await w.clock.settle()
    await w.clock.advance(70_000)
    expect(expired).toEqual([a.toString()])
    await stopped(w)
  })
})

it('mechanism:status says what changed, and of whom', async () => {
  const seen: string[] = []
  const w = await world([handmade('failing', { async * round () { throw new Error('no round') } }).factory])
  w.multi.addEventListener('mechanism:status', ({ detail: { name, status } }) => seen.push(`${name} ${status.state} ${status.lastError?.message ?? ''}`))
  await started(w)
  expect(seen).toContain('failing running no round')
  await stopped(w)
})
