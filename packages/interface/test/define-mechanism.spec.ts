import { contentRoutingSymbol, peerRoutingSymbol } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { defineMechanism, dropCounter } from '../src/define-mechanism.ts'
import { NotStartedError, TimeoutError } from '../src/errors.ts'
import { limits } from '../src/limits.ts'
import { virtualClock, type VirtualClock } from '../src/virtual-clock.ts'
import type { PeerId } from '@libp2p/interface'
import type { Claim, DiscoveryMechanism, MechanismStatus, SelfRecord, Sighting } from '../src/discovery.ts'
import type { MechanismContext } from '../src/mechanism-context.ts'
import type { MechanismSpec, Session } from '../src/mechanism-spec.ts'

const [self, ...others] = await Promise.all([1, 2, 3, 4].map(peer)) as [PeerId, PeerId, PeerId, PeerId]

const claim = (peerId: PeerId): Claim => ({ kind: 'claim', peerId, multiaddrs: [multiaddr('/ip4/192.0.2.1/tcp/4001')], ttl: 60_000 })
const claims = others.map(claim)
const selfRecord: SelfRecord = { peerId: self, multiaddrs: [] }

/** A promise and what settles it. */
function gate (): { passed: Promise<void>, pass: () => void } {
  let pass = (): void => {}
  const passed = new Promise<void>(resolve => { pass = resolve })
  return { passed, pass }
}

const forever = new Promise<never>(() => {})

async function * empty (): AsyncGenerator<Sighting> {}

async function * all (sightings: Iterable<Sighting> = claims): AsyncGenerator<Sighting> {
  yield * sightings
}

interface Fixture {
  mechanism: DiscoveryMechanism & { beforeStop?: () => void | Promise<void> }
  clock: VirtualClock
  /** States in the order entered. */
  states: Array<MechanismStatus['state']>
  /** Sightings that nobody asked for. */
  news: Sighting[]
}

function fixture (spec: Partial<MechanismSpec> = {}): Fixture {
  const clock = virtualClock()
  const context = { ports: { host: { self } } } as unknown as Pick<MechanismContext, 'ports'>
  const mechanism = defineMechanism(context, { name: 'test', type: 'test', clock, round: empty, ...spec })
  const states: Fixture['states'] = []
  const news: Sighting[] = []
  mechanism.addEventListener('status', event => states.push(event.detail.state))
  mechanism.addEventListener('sighting', event => news.push(event.detail))
  return { mechanism, clock, states, news }
}

async function collect (sightings: AsyncIterable<Sighting>): Promise<Sighting[]> {
  const seen: Sighting[] = []
  for await (const sighting of sightings) seen.push(sighting)
  return seen
}

/** What has become of a promise, without waiting for it. */
async function outcome (promise: Promise<unknown>, clock: VirtualClock): Promise<string> {
  let state = 'pending'
  promise.then(() => { state = 'resolved' }, () => { state = 'rejected' })
  await clock.settle()
  return state
}

describe('routing', () => {
  it('is under libp2p’s symbols, one object each, and the capabilities say so', () => {
    const [peerRouting, contentRouting] = [{ findPeer: vi.fn() }, { provide: vi.fn() }]
    const { mechanism } = fixture({ peerRouting, contentRouting })
    expect(mechanism[peerRoutingSymbol]).toBe(peerRouting)
    expect(mechanism[contentRoutingSymbol]).toBe(contentRouting)
    expect(mechanism.capabilities).toMatchObject({ peerRouting: true, contentRouting: true })
  })

  it('is not there unless it was given', () => {
    const { mechanism } = fixture()
    expect(peerRoutingSymbol in mechanism || contentRoutingSymbol in mechanism).toBe(false)
    expect(mechanism.capabilities).toMatchObject({ peerRouting: false, contentRouting: false })
  })
})

describe('a mechanism before it is started', () => {
  it('has done nothing and set no timer', () => {
    const spec = { open: vi.fn(), close: vi.fn(), round: vi.fn(empty) }
    const { mechanism, clock, states } = fixture(spec)
    expect(clock.pending).toBe(0)
    expect([spec.open, spec.close, spec.round].map(part => part.mock.calls.length)).toEqual([0, 0, 0])
    expect(states).toEqual([])
    expect(mechanism.status()).toEqual({ state: 'stopped', sightings: 0, rounds: 0, failures: 0, lastError: undefined, dropped: {} })
  })

  it('says what it can do from what was given', () => {
    expect(fixture().mechanism.capabilities).toEqual({ announce: false, peerRouting: false, contentRouting: false, passive: false })
    const able = fixture({ passive: true, findPeer: empty, announceSelf: async () => ({ ttl: 1 }), withdrawSelf: async () => {} }).mechanism
    expect(able.capabilities).toEqual({ announce: true, peerRouting: true, contentRouting: false, passive: true })
    expect(fixture().mechanism.findPeer).toBeUndefined()
    expect(fixture().mechanism.announceSelf).toBeUndefined()
    expect(Object.prototype.toString.call(able)).toBe('[object @peerweave/test]')
  })

  it('refuses to be asked', async () => {
    const { mechanism } = fixture({ findPeer: empty, announceSelf: async () => ({ ttl: 1 }) })
    await expect(collect(mechanism.discoverPeers())).rejects.toBeInstanceOf(NotStartedError)
    await expect(collect(mechanism.findPeer!(self))).rejects.toBeInstanceOf(NotStartedError)
    await expect(mechanism.announceSelf!(selfRecord)).rejects.toBeInstanceOf(NotStartedError)
  })

  it('has nothing to withdraw and nothing to stop', async () => {
    const withdrawSelf = vi.fn(async () => {})
    const { mechanism, states } = fixture({ withdrawSelf })
    await mechanism.withdrawSelf?.()
    await mechanism.beforeStop?.()
    await mechanism.stop()
    expect(withdrawSelf).not.toHaveBeenCalled()
    expect(states).toEqual([])
  })
})

describe('start and stop', () => {
  it('tell each state as it is entered', async () => {
    const { mechanism, states } = fixture({ round: () => all() })
    await mechanism.start()
    await mechanism.stop()
    await mechanism.start()
    await mechanism.stop()
    expect(states).toEqual(['starting', 'running', 'stopping', 'stopped', 'starting', 'running', 'stopping', 'stopped'])
  })

  it('say goodbye before close, and only while started', async () => {
    const calls: string[] = []
    const { mechanism } = fixture({
      open: () => { calls.push('open') }, beforeClose: () => { calls.push('beforeClose') }, close: () => { calls.push('close') }
    })
    await mechanism.start()
    await mechanism.beforeStop?.()
    await mechanism.stop()
    await mechanism.beforeStop?.()
    expect(calls).toEqual(['open', 'beforeClose', 'close'])
  })

  it('open and close in turns and end as the last call said, in any order, awaited or not', async () => {
    const call = fc.record({ start: fc.boolean(), awaited: fc.boolean() })
    await fc.assert(fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), fc.nat(3), async (calls, ticks) => {
      const log: string[] = []
      const pause = async (): Promise<void> => {
        for (let i = 0; i < ticks; i++) await Promise.resolve()
      }
      const { mechanism, clock } = fixture({
        open: async () => { log.push('open'); await pause() },
        close: async () => { await pause(); log.push('close') }
      })
      const pending: Array<Promise<unknown>> = []
      for (const { start, awaited } of calls) {
        // A start that a stop overtakes may say so.
        const done = start
          ? Promise.resolve(mechanism.start()).catch(error => { expect(error).toBeInstanceOf(NotStartedError) })
          : Promise.resolve(mechanism.stop())
        if (awaited) await done
        else pending.push(done)
      }
      await Promise.all(pending)

      expect(log).toEqual(log.map((_, i) => i % 2 === 0 ? 'open' : 'close'))
      const isStarted = calls.at(-1)?.start === true
      expect(log.length % 2 === 1).toBe(isStarted)
      expect(mechanism.status().state).toBe(isStarted ? 'running' : 'stopped')
      await mechanism.stop()
      expect(log.length % 2).toBe(0)
      expect(clock.pending).toBe(0)
    }))
  })

  it('close again what failed to open, tell why, and work the next time', async () => {
    const open = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('port taken'))
    const close = vi.fn()
    const { mechanism, clock, states } = fixture({ open, close })
    await expect(mechanism.start()).rejects.toThrow('port taken')
    expect(close).toHaveBeenCalledOnce()
    expect(states).toEqual(['starting', 'stopped'])
    expect(mechanism.status().lastError).toMatchObject({ message: 'port taken' })
    expect(clock.pending).toBe(0)
    await mechanism.start()
    expect(mechanism.status().state).toBe('running')
  })

  it('tell why opening failed, not that closing then failed as well', async () => {
    const { mechanism, states } = fixture({ open: () => { throw new Error('port taken') }, close: () => { throw new Error('no socket') } })
    await expect(mechanism.start()).rejects.toThrow('port taken')
    expect(states.at(-1)).toBe('stopped')
  })

  it('end stopped when close fails, and say so', async () => {
    const { mechanism } = fixture({ close: () => { throw new Error('no socket') } })
    await mechanism.start()
    await expect(mechanism.stop()).rejects.toThrow('no socket')
    expect(mechanism.status().state).toBe('stopped')
    await mechanism.start()
    expect(mechanism.status().state).toBe('running')
  })
})

describe('stop during a start that hangs', () => {
  it('tells it to give up by its signal', async () => {
    const close = vi.fn()
    const { mechanism, clock, states } = fixture({ open: async ({ signal }) => clock.sleep(Infinity, { signal }), close })
    const start = Promise.resolve(mechanism.start())
    const rejects = expect(start).rejects.toBeInstanceOf(NotStartedError)
    await clock.settle()
    await mechanism.stop()
    await rejects
    expect(close).toHaveBeenCalledOnce()
    expect(states).toEqual(['starting', 'stopped'])
    expect(mechanism.status().lastError).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('keeps the start from opening at all when that has not had its turn', async () => {
    const open = vi.fn(async () => forever)
    const { mechanism, states } = fixture({ open })
    const start = mechanism.start()
    await mechanism.stop()
    await start
    expect(open).not.toHaveBeenCalled()
    expect(states).toEqual([])
  })

  it('waits for what the start still takes, and closes after it', async () => {
    const late = gate()
    const close = vi.fn()
    const { mechanism, clock } = fixture({ open: async () => late.passed, close })
    const rejects = expect(mechanism.start()).rejects.toBeInstanceOf(NotStartedError)
    await clock.settle()
    const stop = Promise.resolve(mechanism.stop())
    expect(await outcome(stop, clock)).toBe('pending')
    expect(close).not.toHaveBeenCalled()
    late.pass()
    await stop
    await rejects
    expect(close).toHaveBeenCalledOnce()
    expect(clock.pending).toBe(0)
  })

  it('does not wait for ever when nothing stirs it', async () => {
    const close = vi.fn()
    const { mechanism, clock } = fixture({ open: async () => forever, close })
    const rejects = expect(mechanism.start()).rejects.toBeInstanceOf(NotStartedError)
    await clock.settle()
    const stop = mechanism.stop()
    await clock.advance(limits.lifecycleDeadline)
    await stop
    await rejects
    expect(close).toHaveBeenCalledOnce()
    expect(clock.pending).toBe(0)
  })

  it('works also when a background task has failed meanwhile', async () => {
    const { mechanism, clock, states } = fixture({
      open: async ({ background, signal }) => {
        background(async () => { throw new Error('no multicast') })
        await clock.sleep(Infinity, { signal })
      }
    })
    const rejects = expect(mechanism.start()).rejects.toBeInstanceOf(NotStartedError)
    await clock.settle()
    await mechanism.stop()
    await rejects
    expect(states).toEqual(['starting', 'stopped'])
  })
})

describe('a round', () => {
  it('yields what the author yields, in that order, and counts it', async () => {
    const { mechanism, clock } = fixture({ round: () => all() })
    await mechanism.start()
    expect(await collect(mechanism.discoverPeers())).toEqual(claims)
    expect(mechanism.status()).toMatchObject({ rounds: 1, sightings: 3, failures: 0 })
    expect(clock.pending).toBe(0)
  })

  it('tells the author what is wanted', async () => {
    const round = vi.fn<MechanismSpec['round']>(empty)
    const { mechanism } = fixture({ round })
    await mechanism.start()
    await collect(mechanism.discoverPeers({ namespace: 'chat', limit: 7 }))
    await collect(mechanism.discoverPeers())
    expect(round.mock.calls[0]?.[0]).toMatchObject({ namespace: 'chat', limit: 7 })
    expect(round.mock.calls[1]?.[0]).toMatchObject({ namespace: undefined, limit: limits.sightingsPerRound })
  })

  it('never yields ourselves, and does not count us', async () => {
    const endpoint: Sighting = { kind: 'endpoint', multiaddr: multiaddr('/ip4/192.0.2.1/tcp/4001'), ttl: 1_000 }
    const goodbye: Sighting = { kind: 'withdraw', peerId: self }
    const { mechanism } = fixture({ round: () => all([claim(self), goodbye, endpoint, claims[0]!]) })
    await mechanism.start()
    expect(await collect(mechanism.discoverPeers())).toEqual([endpoint, claims[0]])
    expect(mechanism.status().sightings).toBe(2)
  })

  it.each([0, 1, 2, 3, 4])('yields at most as many as asked for (here %d of 3), and gives the generator back', async limit => {
    const returned = vi.fn()
    const { mechanism } = fixture({
      async * round () {
        try {
          yield * claims
        } finally {
          returned()
        }
      }
    })
    await mechanism.start()
    expect(await collect(mechanism.discoverPeers({ limit }))).toEqual(claims.slice(0, limit))
    expect(returned).toHaveBeenCalledTimes(limit === 0 ? 0 : 1)
  })

  it('is bounded also when nobody asked for a bound', async () => {
    const { mechanism } = fixture({ async * round () { for (;;) yield claims[0]! } })
    await mechanism.start()
    expect(await collect(mechanism.discoverPeers())).toHaveLength(limits.sightingsPerRound)
  })

  it('gives the generator back when the reader leaves early', async () => {
    const returned = vi.fn()
    const { mechanism, clock } = fixture({
      async * round () {
        try {
          for (;;) yield claims[0]!
        } finally {
          returned()
        }
      }
    })
    await mechanism.start()
    for await (const sighting of mechanism.discoverPeers()) {
      expect(sighting).toBe(claims[0])
      break
    }
    expect(returned).toHaveBeenCalledOnce()
    expect(clock.pending).toBe(0)
  })

  it('ends at its deadline with what it has, though the generator hangs', async () => {
    const { mechanism, clock } = fixture({
      roundDeadline: 500,
      async * round () {
        yield claims[0]!
        await forever
      }
    })
    await mechanism.start()
    const round = collect(mechanism.discoverPeers())
    await clock.advance(499)
    expect(await outcome(round, clock)).toBe('pending')
    await clock.advance(1)
    expect(await round).toEqual([claims[0]])
    expect(mechanism.status()).toMatchObject({ state: 'running', failures: 0, lastError: undefined })
    expect(clock.pending).toBe(0)
  })

  it('ends at its deadline when the generator obeys the signal, without that being a failure', async () => {
    const { mechanism, clock } = fixture({
      async * round ({ signal }) {
        await clock.sleep(Infinity, { signal })
        yield claims[0]!
      }
    })
    await mechanism.start()
    const round = collect(mechanism.discoverPeers())
    await clock.advance(limits.roundDeadline)
    expect(await round).toEqual([])
    expect(mechanism.status().failures).toBe(0)
  })

  it('rejects with an AbortError at once when the caller gives up, though the generator hangs', async () => {
    const { mechanism, clock } = fixture({ async * round () { yield await forever } })
    await mechanism.start()
    const controller = new AbortController()
    const round = collect(mechanism.discoverPeers({ signal: controller.signal }))
    const rejects = expect(round).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    await clock.settle()
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    controller.abort('enough')
    await rejects
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    expect(mechanism.status().failures).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('does not begin when the caller has given up before', async () => {
    const round = vi.fn(empty)
    const { mechanism } = fixture({ round })
    await mechanism.start()
    await expect(collect(mechanism.discoverPeers({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ name: 'AbortError' })
    expect(round).not.toHaveBeenCalled()
    expect(mechanism.status().rounds).toBe(0)
  })

  it("passes the caller's own deadline on as a TimeoutError", async () => {
    const { mechanism, clock } = fixture({ async * round () { yield await forever } })
    await mechanism.start()
    using deadline = clock.deadline(20)
    const rejects = expect(collect(mechanism.discoverPeers({ signal: deadline.signal }))).rejects.toBeInstanceOf(TimeoutError)
    await clock.advance(20)
    await rejects
  })

  it('leaves nothing on a signal that many rounds share', async () => {
    const { mechanism } = fixture({ round: () => all() })
    await mechanism.start()
    const { signal } = new AbortController()
    for (let i = 0; i < 20; i++) await collect(mechanism.discoverPeers({ signal, limit: 1 + i % 3 }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('passes a failure on and counts it, after what came before it', async () => {
    const { mechanism, clock } = fixture({
      async * round () {
        yield claims[0]!
        throw new Error('connection refused')
      }
    })
    await mechanism.start()
    const seen: Sighting[] = []
    await expect((async () => {
      for await (const sighting of mechanism.discoverPeers()) seen.push(sighting)
    })()).rejects.toThrow('connection refused')
    expect(seen).toEqual([claims[0]])
    expect(mechanism.status()).toMatchObject({ state: 'running', failures: 1, lastError: { message: 'connection refused' } })
    expect(clock.pending).toBe(0)
  })

  it('takes an author who throws before there is an iterator, or whose iterator cannot be returned', async () => {
    const broken = fixture({ round () { throw new Error('not even a generator') } })
    await broken.mechanism.start()
    await expect(collect(broken.mechanism.discoverPeers())).rejects.toThrow('not even a generator')

    const bare = fixture({
      round: () => ({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: claims[0]! }) }) })
    })
    await bare.mechanism.start()
    expect(await collect(bare.mechanism.discoverPeers({ limit: 2 }))).toHaveLength(2)

    const unwilling = fixture({
      round: () => ({
        [Symbol.asyncIterator]: () => ({ next: async () => forever, return () { throw new Error('no way out') } })
      })
    })
    await unwilling.mechanism.start()
    const round = collect(unwilling.mechanism.discoverPeers())
    await unwilling.clock.advance(limits.roundDeadline)
    expect(await round).toEqual([])
    expect(unwilling.mechanism.status()).toMatchObject({ state: 'degraded', lastError: { message: 'no way out' } })
  })

  it('runs beside others, each with its own end', async () => {
    const { mechanism, clock } = fixture({
      async * round ({ namespace, signal }) {
        if (namespace === 'slow') await clock.sleep(100, { signal })
        yield claims[0]!
      }
    })
    await mechanism.start()
    const slow = collect(mechanism.discoverPeers({ namespace: 'slow' }))
    expect(await collect(mechanism.discoverPeers())).toEqual([claims[0]])
    expect(await outcome(slow, clock)).toBe('pending')
    await clock.advance(100)
    expect(await slow).toEqual([claims[0]])
    expect(mechanism.status().rounds).toBe(2)
  })

  it('for one peer has the same guards', async () => {
    const { mechanism, clock } = fixture({
      async * findPeer (id) {
        yield claim(self)
        yield claim(id)
        await forever
      }
    })
    await mechanism.start()
    const found = collect(mechanism.findPeer!(others[0]))
    await clock.advance(limits.roundDeadline)
    expect(await found).toEqual([claims[0]])
  })
})

describe('stop during rounds and background work', () => {
  it('ends a round that hangs and waits until its generator has cleaned up', async () => {
    const cleanUp = gate()
    const order: string[] = []
    const { mechanism, clock } = fixture({
      async * round ({ signal }) {
        try {
          await clock.sleep(Infinity, { signal })
          yield claims[0]!
        } finally {
          await cleanUp.passed
          order.push('cleaned up')
        }
      },
      close: () => { order.push('closed') }
    })
    await mechanism.start()
    const round = collect(mechanism.discoverPeers())
    await clock.settle()
    const stop = Promise.resolve(mechanism.stop())
    expect(await round).toEqual([])
    expect(await outcome(stop, clock)).toBe('pending')
    cleanUp.pass()
    await stop
    expect(order).toEqual(['cleaned up', 'closed'])
    expect(clock.pending).toBe(0)
  })

  it('takes the generator back from a reader who neither reads on nor leaves', async () => {
    const order: string[] = []
    const { mechanism, clock } = fixture({
      async * round () {
        try {
          yield * claims
        } finally {
          order.push('cleaned up')
        }
      },
      close: () => { order.push('closed') }
    })
    await mechanism.start()
    const reader = mechanism.discoverPeers()[Symbol.asyncIterator]()
    await reader.next()
    await mechanism.stop()
    expect(order).toEqual(['cleaned up', 'closed'])
    expect(clock.pending).toBe(0)
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  it('tells background tasks to end and waits for them', async () => {
    const order: string[] = []
    const { mechanism, clock } = fixture({
      open: ({ background }) => {
        background(async signal => {
          await clock.sleep(Infinity, { signal }).catch(() => {})
          await Promise.resolve()
          order.push('task ended')
        })
      },
      close: () => { order.push('closed') }
    })
    await mechanism.start()
    await mechanism.stop()
    expect(order).toEqual(['task ended', 'closed'])
    expect(clock.pending).toBe(0)
  })

  it('waits no longer than the life-cycle deadline for one that hangs', async () => {
    const close = vi.fn()
    const { mechanism, clock } = fixture({ open: ({ background }) => background(async () => forever), close })
    await mechanism.start()
    const stop = Promise.resolve(mechanism.stop())
    await clock.advance(limits.lifecycleDeadline - 1)
    expect(await outcome(stop, clock)).toBe('pending')
    expect(close).not.toHaveBeenCalled()
    await clock.advance(1)
    await stop
    expect(close).toHaveBeenCalledOnce()
    expect(clock.pending).toBe(0)
  })

  it('ends an announcement that is under way and waits for it', async () => {
    const order: string[] = []
    const { mechanism, clock } = fixture({
      announceSelf: async (_self, { signal }) => {
        await clock.sleep(Infinity, { signal: signal! }).finally(() => order.push('announcement ended'))
        return { ttl: 1 }
      },
      close: () => { order.push('closed') }
    })
    await mechanism.start()
    const rejects = expect(mechanism.announceSelf!(selfRecord)).rejects.toMatchObject({ name: 'AbortError' })
    await clock.settle()
    await mechanism.stop()
    await rejects
    expect(order).toEqual(['announcement ended', 'closed'])
    expect(clock.pending).toBe(0)
  })
})

describe('background work', () => {
  it('that fails degrades the mechanism, which goes on', async () => {
    const { mechanism, clock, states } = fixture({
      open: ({ background }) => background(async () => {
        await clock.sleep(10)
        throw new Error('no multicast')
      }),
      round: () => all()
    })
    await mechanism.start()
    await clock.advance(10)
    expect(mechanism.status()).toMatchObject({ state: 'degraded', failures: 0, lastError: { message: 'no multicast' } })
    expect(await collect(mechanism.discoverPeers())).toEqual(claims)
    await mechanism.stop()
    expect(states).toEqual(['starting', 'running', 'degraded', 'stopping', 'stopped'])
  })

  it('degrades the mechanism for as long as something does not work, and not longer', async () => {
    const recoveries: Array<() => void> = []
    let degrade: (error: Error) => () => void = () => () => {}
    const { mechanism, states } = fixture({
      open: session => {
        degrade = session.degrade
        recoveries.push(degrade(new Error('no eth0')))
      }
    })
    await mechanism.start()
    expect(mechanism.status()).toMatchObject({ state: 'degraded', lastError: { message: 'no eth0' } })
    recoveries.push(degrade(new Error('no eth1')))
    recoveries[0]?.()
    recoveries[0]?.()
    expect(mechanism.status().state).toBe('degraded')
    recoveries[1]?.()
    expect(mechanism.status()).toMatchObject({ state: 'running', lastError: { message: 'no eth1' } })
    const late = degrade(new Error('again'))
    await mechanism.stop()
    late()
    degrade(new Error('too late'))
    expect(states).toEqual(['starting', 'degraded', 'running', 'degraded', 'stopping', 'stopped'])
    expect(mechanism.status().lastError?.message).toBe('again')
  })

  it('that fails before the start is done still degrades it', async () => {
    const { mechanism, states } = fixture({
      open: async ({ background }) => {
        background(async () => { throw new Error('no multicast') })
        for (let i = 0; i < 5; i++) await Promise.resolve()
      }
    })
    await mechanism.start()
    expect(states).toEqual(['starting', 'degraded'])
  })

  it('that fails because it was stopped is no news', async () => {
    const { mechanism, clock } = fixture({ open: ({ background }) => background(async signal => clock.sleep(Infinity, { signal })) })
    await mechanism.start()
    await mechanism.stop()
    expect(mechanism.status().lastError).toBeUndefined()
  })

  it('is not begun after stop', async () => {
    let session: Session | undefined
    const { mechanism } = fixture({ open: opened => { session = opened } })
    await mechanism.start()
    await mechanism.stop()
    const task = vi.fn(async () => {})
    session?.background(task)
    expect(task).not.toHaveBeenCalled()
  })
})

describe('a sighting that nobody asked for', () => {
  it('is an event, counted, and never about ourselves', async () => {
    let session: Session | undefined
    const { mechanism, news } = fixture({ open: opened => { session = opened } })
    await mechanism.start()
    session?.sight(claims[0]!)
    session?.sight(claim(self))
    session?.sight(claims[1]!)
    expect(news).toEqual([claims[0], claims[1]])
    expect(mechanism.status().sightings).toBe(2)
  })

  it('is no news before and after its session, also not in the next one', async () => {
    const sessions: Session[] = []
    const { mechanism, news } = fixture({ open: opened => { sessions.push(opened) } })
    await mechanism.start()
    await mechanism.stop()
    sessions[0]?.sight(claims[0]!)
    await mechanism.start()
    sessions[0]?.sight(claims[0]!)
    expect(news).toEqual([])
    sessions[1]?.sight(claims[1]!)
    expect(news).toEqual([claims[1]])
  })
})

describe('announcing', () => {
  it('passes the record on and gives back how long it stands', async () => {
    const announceSelf = vi.fn<NonNullable<MechanismSpec['announceSelf']>>(async () => ({ ttl: 75_000 }))
    const withdrawSelf = vi.fn(async () => {})
    const { mechanism, clock } = fixture({ announceSelf, withdrawSelf })
    await mechanism.start()
    expect(await mechanism.announceSelf?.(selfRecord, { namespace: 'chat' })).toEqual({ ttl: 75_000 })
    expect(announceSelf).toHaveBeenCalledExactlyOnceWith(selfRecord, expect.objectContaining({ namespace: 'chat' }))
    await mechanism.withdrawSelf?.({ namespace: 'chat' })
    expect(withdrawSelf).toHaveBeenCalledExactlyOnceWith({ namespace: 'chat' })
    expect(clock.pending).toBe(0)
  })

  it("stops at the caller's signal, before and during, and leaves nothing on it", async () => {
    const announceSelf = vi.fn<NonNullable<MechanismSpec['announceSelf']>>(async (_self, { signal }) => {
      await clock.sleep(Infinity, { signal: signal! })
      return { ttl: 1 }
    })
    const { mechanism, clock } = fixture({ announceSelf })
    await mechanism.start()
    await expect(mechanism.announceSelf!(selfRecord, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(announceSelf).not.toHaveBeenCalled()

    const controller = new AbortController()
    const rejects = expect(mechanism.announceSelf!(selfRecord, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    controller.abort()
    await rejects
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })
})

describe('dropCounter', () => {
  it('counts by reason and shows in the status', () => {
    const { dropped, drop } = dropCounter()
    const { mechanism } = fixture({ dropped })
    drop('too-large')
    drop('too-large')
    drop('__proto__')
    expect(mechanism.status().dropped).toEqual(Object.fromEntries([['too-large', 2], ['__proto__', 1]]))
  })

  it('shows a copy: a status does not change after it was read', () => {
    const { dropped, drop } = dropCounter()
    const { mechanism } = fixture({ dropped })
    const before = mechanism.status()
    drop('too-large')
    expect(before.dropped).toEqual({})
    expect(Object.isFrozen(before.dropped)).toBe(true)
  })
})
