/**
 * The store on disk against a plain list of what was said: any sequence of claims, goodbyes, removals, waiting, restarts,
 * crashes, sleep, holds and steps of the wall clock shows the peers, addresses and sources that the list shows.
 */
import { virtualClock, type Source, type VirtualClock } from '@peerweave/interface'
import { simDisk, type SimDisk } from '@peerweave/simulator'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { levelPeerStore, type LevelPeerStore } from '../src/index.ts'
import { claim, peer, source } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const RUNS = process.env.PEERWEAVE_TIER === 'long' ? 20_000 : 500
const HOUR = 3_600_000

const peers = await Promise.all([1, 2, 3].map(async n => peer(n)))
const sources = [source('mdns'), source('dns'), source('gossip', { reporter: 'a' }), source('gossip', { reporter: 'b' })]
const addresses = [1, 2, 3, 4].map(n => `/ip4/10.0.0.${n}/tcp/1`)

/** Everything that was said, and plain rules on it. Its time goes on while the store is closed. */
class Model {
  time = 0
  claims: Array<{ peer: number, source: number, address: number, observedAt: number, expiresAt: number }> = []
  goodbyes: Array<{ peer: number, source: number, address: number | undefined, at: number }> = []

  shown (): string[] {
    const lines = new Set<string>()
    for (const one of this.claims) {
      const isLast = !this.claims.some(other => other.peer === one.peer && other.source === one.source && other.address === one.address &&
        (other.observedAt - one.observedAt || other.expiresAt - one.expiresAt) > 0)
      const isTakenBack = this.goodbyes.some(({ peer, source, address, at }) => {
        return peer === one.peer && source === one.source && (address == null || address === one.address) && at >= one.observedAt
      })
      if (isLast && !isTakenBack && one.expiresAt > this.time) lines.add(`${one.peer} ${one.address} ${sources[one.source]?.path}`)
    }
    return [...lines].sort()
  }

  forget (peer: number): void {
    this.claims = this.claims.filter(claim => claim.peer !== peer)
    this.goodbyes = this.goodbyes.filter(goodbye => goodbye.peer !== peer)
  }
}

interface Real {
  disk: SimDisk
  clock: VirtualClock
  store: LevelPeerStore
  /** Of this run: the model's time, and how long the machine slept then. */
  sleeps: Array<{ after: number, ms: number }>
}

/** When it was by the clock, at a time of the model. */
function byClock (at: number, { time }: Model, { clock, sleeps }: Real): number {
  return clock.now() - (time - at) - sleeps.reduce((sum, { after, ms }) => after >= at ? sum + ms : sum, 0)
}

async function open (disk: SimDisk, now: number, wall: number): Promise<Real> {
  const clock = virtualClock({ now, wall })
  const store = levelPeerStore({ disk, path: 'peers', clock })
  await store.start()
  return { disk, clock, store, sleeps: [] }
}

type Command = (model: Model, real: Real) => Promise<void>

const who = fc.nat(peers.length - 1)
const where = fc.nat(addresses.length - 1)
const from = fc.nat(sources.length - 1)

const commands: fc.Arbitrary<[string, Command]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(who, from, where, fc.nat(30_000), fc.integer({ min: 1_000, max: 2 * HOUR })).map(([peer, source, address, lag, ttl]): [string, Command] => [
    `claim ${peer} ${source} ${address} ${lag} ago for ${ttl}`, async (model, real) => {
      const observedAt = model.time - lag
      model.claims.push({ peer, source, address, observedAt, expiresAt: observedAt + ttl })
      const at = byClock(observedAt, model, real)
      await real.store.addPeer(claim(peers[peer] as PeerId, { at, ttl, from: sources[source] as Source, addresses: [addresses[address] as string] }))
    }
  ]) },
  { weight: 2, arbitrary: fc.tuple(who, from, fc.option(where, { nil: undefined }), fc.nat(30_000)).map(([peer, source, address, lag]): [string, Command] => [
    `goodbye ${peer} ${source} ${address} ${lag} ago`, async (model, real) => {
      const at = model.time - lag
      model.goodbyes.push({ peer, source, address, at })
      const named = address == null ? undefined : [multiaddr(addresses[address])]
      await real.store.withdraw(peers[peer] as PeerId, sources[source] as Source, byClock(at, model, real), named)
    }
  ]) },
  who.map((peer): [string, Command] => [`remove ${peer}`, async (model, { store }) => {
    model.forget(peer)
    await store.removePeer(peers[peer] as PeerId)
  }]),
  { weight: 2, arbitrary: fc.oneof(fc.nat(10_000), fc.nat(HOUR)).map((ms): [string, Command] => [`wait ${ms}`, async (model, { store, clock }) => {
    model.time += ms
    await clock.advance(ms)
    await store.expire(clock.now())
  }]) },
  fc.nat(10 * HOUR).map((ms): [string, Command] => [`sleep ${ms}, by a clock that goes on`, async (model, { store, clock, sleeps }) => {
    sleeps.push({ after: model.time, ms })
    await clock.advance(ms + 1)
    shownBy({ store })
    store.hold(ms)
    model.time++
  }]),
  fc.integer({ min: -10 * HOUR, max: 10 * HOUR }).map((ms): [string, Command] => [`step the wall clock by ${ms}`, async (_model, { clock }) => {
    clock.stepWall(ms) // also what sleep looks like: the monotonic clock stands still
  }]),
  fc.tuple(fc.nat(2 * HOUR), fc.nat(1_000_000)).map(([downtime, now]): [string, Command] => [`restart after ${downtime}`, async (model, real) => {
    await real.store.stop()
    Object.assign(real, await open(real.disk, now, real.clock.wall() + downtime))
    model.time += downtime
  }]),
  fc.tuple(fc.integer({ min: -10 * HOUR, max: 0 }), fc.nat(1_000_000)).map(([step, now]): [string, Command] => [`restart, the clock set back by ${step}`, async (_model, real) => {
    await real.store.stop()
    Object.assign(real, await open(real.disk, now, real.clock.wall() + step))
  }]),
  fc.tuple(fc.nat(HOUR), fc.nat(1_000_000)).map(([downtime, now]): [string, Command] => [`kill, and start after ${downtime}`, async (model, real) => {
    await real.store.flush()
    real.disk.kill()
    Object.assign(real, await open(real.disk, now, real.clock.wall() + downtime))
    model.time += downtime
  }])
)

function shownBy ({ store }: Pick<Real, 'store'>): string[] {
  const lines: string[] = []
  for (const [n, id] of peers.entries()) {
    for (const { multiaddr, sources } of store.peek(id)?.addresses ?? []) {
      for (const path of sources) lines.push(`${n} ${addresses.indexOf(multiaddr.toString())} ${path}`)
    }
  }
  return lines.sort()
}

it(`shows what a plain list shows, over restarts, crashes, sleep and clock steps (${RUNS} runs)`, async () => {
  await fc.assert(fc.asyncProperty(fc.array(commands, { maxLength: 25 }), async steps => {
    const model = new Model()
    const real = await open(simDisk(), 0, 1.8e12)
    for (const [, run] of steps) {
      await run(model, real)
      expect(shownBy(real)).toEqual(model.shown())
      expect(real.store.damage).toBeUndefined()
    }
    await real.store.stop()
  }), { numRuns: RUNS })
}, 1_800_000)
