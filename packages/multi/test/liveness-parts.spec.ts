/** The parts of liveness by themselves: our own lateness, the arithmetic of suspicion, and the quarantine of the dead. */
import { limits, virtualClock } from '@peerweave/interface'
import { simClock, simPeerId, type NodeClock, type SimClock } from '@peerweave/simulator'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { ClockWatch, type LostTime } from '../src/clock-watch.ts'
import { HEALTH_RECOVERY, HEALTH_WORST, PEER_STALL, QUARANTINE_TIME, WATCH_INTERVAL } from '../src/constants.ts'
import { LocalHealth } from '../src/local-health.ts'
import { Quarantine, type ClaimFacts } from '../src/quarantine.ts'
import { deathAfter, isMassSilence, RoundTrip, suspicionAfter } from '../src/suspicion.ts'

describe('the clock watch', () => {
  /** A node of its own, watched. */
  function watched (): { world: SimClock, clock: NodeClock, watch: ClockWatch, told: LostTime[] } {
    const world = simClock()
    const clock = world.clockOf('n')
    const told: LostTime[] = []
    const watch = new ClockWatch({ clock, onLost: event => told.push(event) })
    watch.start()
    return { world, clock, watch, told }
  }

  it.each([
    [300, []], [2_000, ['stall']], [5_000, ['stall']], [29_000, ['stall']], [3_600_000, ['sleep']]
  ])('a stall of %d ms is %j, and does not count as time awake', async (ms, kinds) => {
    const { world, clock, watch, told } = watched()
    await world.advance(10_100)
    clock.stall(ms)
    await world.advance(ms + 10_000)
    expect(told.map(({ kind }) => kind)).toEqual(kinds)
    expect(Math.abs(world.now() - watch.awake() - ms)).toBeLessThanOrEqual(WATCH_INTERVAL)
    expect(told.reduce((sum, { lost }) => sum + lost, 0)).toBe(kinds.length === 0 ? 0 : world.now() - watch.awake())
  })

  it('a sleep with the monotonic clock stopped costs no monotonic time', async () => {
    const { world, clock, watch, told } = watched()
    await world.advance(10_000)
    clock.suspend()
    await world.advance(3_600_000)
    clock.resume()
    await world.advance(10_000)
    expect(told).toEqual([{ kind: 'sleep', ms: 3_600_000, lost: 0 }])
    expect(watch.awake()).toBe(20_000)
  })

  it('is found out by whoever asks first, and told once', async () => {
    const { world, clock, watch, told } = watched()
    await world.advance(10_000)
    clock.setTimeout(() => watch.check(), 100)
    clock.stall(5_000)
    await world.advance(5_000)
    await world.advance(10_000)
    expect(told.map(({ kind }) => kind)).toEqual(['stall'])
  })

  it('does nothing before its start and after its stop, and starts again', async () => {
    const clock = virtualClock()
    const told: LostTime[] = []
    const watch = new ClockWatch({ clock, onLost: event => told.push(event) })
    watch.check()
    watch.start()
    watch.start()
    await clock.advance(10_000)
    watch.stop()
    watch.stop()
    expect(clock.pending).toBe(0)
    clock.stepWall(3_600_000)
    await clock.advance(10_000)
    watch.start()
    await clock.advance(10_000)
    expect([told, clock.pending]).toEqual([[], 1])
  })
})

describe('local health', () => {
  it('gets worse by what we were late, up to a bound, and better with time', () => {
    const health = new LocalHealth()
    expect(health.factor(0)).toBe(1)
    health.worsen(600, 1_000)
    expect([health.score(1_000), health.factor(1_000)]).toEqual([1, 2])
    health.worsen(60_000, 1_000)
    expect(health.score(1_000)).toBe(HEALTH_WORST)
    const scores = [1, 2, 3, 4].map(i => health.score(1_000 + i * HEALTH_RECOVERY))
    expect(scores).toEqual([HEALTH_WORST - 1, HEALTH_WORST - 2, 0, 0])
  })
})

describe('suspicion', () => {
  it.each<[number | undefined, number, number, string]>([
    [undefined, 1, 1_000, 'not measured yet'],
    [1, 1, 500, 'next door: no less than half a second'],
    [200, 1, 600, 'three round trips'],
    [400, 1, 1_000, 'no more than a second …'],
    [700, 1, 1_400, '… unless two round trips are more'],
    [200, 3, 1_800, 'and we are not well ourselves']
  ])('of a peer at %s ms, health factor %d, comes after %d ms: %s', (rtt, factor, ms, _why) => {
    expect(suspicionAfter(rtt, factor)).toBe(ms)
  })

  it('leaves a stalled peer three round trips to answer', () => {
    for (const rtt of [1, 50, 80, 200, 500, 1_000]) expect(deathAfter(rtt)).toBeGreaterThan(PEER_STALL + 3 * rtt)
    expect(deathAfter(80)).toBe(5_600)
  })

  it.each([
    [2, 0, false], [3, 0, true], [3, 3, true], [3, 4, false], [50, 50, true], [49, 50, false], [0, 0, false]
  ])('%d silent and %d answering: our own fault %s', (silent, answering, isOurs) => {
    expect(isMassSilence(silent, answering)).toBe(isOurs)
  })

  it('goes by the middle of three round trips', () => {
    const trip = new RoundTrip()
    const seen = [80, 5_000, 90, 85, 300, 310].map(ms => {
      trip.add(ms)
      return trip.ms
    })
    expect([new RoundTrip().ms, ...seen]).toEqual([undefined, 80, 5_000, 90, 90, 90, 300])
  })
})

describe('the quarantine', () => {
  const [dead, other] = [simPeerId(1, 'dead'), simPeerId(1, 'other')]
  const remoteAddr = multiaddr('/ip4/192.0.2.1/tcp/1')

  it.each<[string, Omit<ClaimFacts, 'peerId'>, boolean]>([
    ['nobody in particular', {}, false],
    ['another peer', { reporter: { peer: other, remoteAddr } }, false],
    ['another peer, with the record known then', { seq: 5n, reporter: { peer: other } }, false],
    ['another peer, with an older record', { seq: 4n, reporter: { peer: other } }, false],
    ['another peer, with a newer record', { seq: 6n, reporter: { peer: other } }, true],
    ['a domain', { reporter: { domain: 'example.org' } }, false],
    ['a domain asked over a local interface', { reporter: { domain: 'example.org', interface: 'eth0' } }, false],
    ['the configuration', { reporter: { configured: true } }, false],
    ['another peer on the local network', { reporter: { peer: other, interface: 'eth0' } }, false],
    ['itself', { reporter: { peer: dead, remoteAddr } }, true],
    ['a packet on the local network', { reporter: { interface: 'eth0', remoteAddr } }, true]
  ])('by the word of %s: %o may be believed: %s', (_, facts, isBelieved) => {
    const quarantine = new Quarantine({ clock: virtualClock() })
    quarantine.add(dead, { seq: 5n })
    expect(quarantine.mayBelieve({ peerId: dead, ...facts })).toBe(isBelieved)
    expect(quarantine.mayBelieve({ peerId: other, ...facts })).toBe(true)
    expect(quarantine.get(dead)?.seq).toBe(5n)
  })

  it('any record is newer than none', () => {
    const quarantine = new Quarantine({ clock: virtualClock() })
    quarantine.add(dead)
    expect(quarantine.mayBelieve({ peerId: dead, seq: 1n })).toBe(true)
  })

  it('ends when the peer is there, or its time is up, whatever the wall clock does', async () => {
    const clock = virtualClock({ wall: 1_000_000 })
    const quarantine = new Quarantine({ clock })
    quarantine.add(dead)
    quarantine.add(other)
    expect(quarantine.get(dead)).toEqual({ since: 1_000_000, until: 1_000_000 + QUARANTINE_TIME, seq: undefined })
    expect([quarantine.release(other), quarantine.release(other)]).toEqual([true, false])
    clock.stepWall(-3_600_000)
    await clock.advance(QUARANTINE_TIME - 1)
    expect([quarantine.mayBelieve({ peerId: dead }), quarantine.size]).toEqual([false, 1])
    await clock.advance(1)
    expect([quarantine.mayBelieve({ peerId: dead }), quarantine.size, quarantine.get(dead)]).toEqual([true, 0, undefined])
  })

  it('is bounded: who died first is forgotten first, and who dies again is new', () => {
    const quarantine = new Quarantine({ clock: virtualClock() })
    quarantine.add(dead)
    quarantine.add(other)
    for (let i = 0; i < limits.quarantinedPeers - 2; i++) quarantine.add(simPeerId(1, `p${i}`))
    quarantine.add(dead)
    quarantine.add(simPeerId(1, 'one more'))
    expect([quarantine.size, quarantine.get(other), quarantine.get(dead) != null]).toEqual([limits.quarantinedPeers, undefined, true])
    quarantine.clear()
    expect(quarantine.size).toBe(0)
  })
})
