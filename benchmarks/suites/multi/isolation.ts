/**
 * What a bad mechanism costs the others. In virtual time, which knows no cost of computing: when the others' peers arrive
 * beside one that hangs, fails or lies. In real time: how long the others' rounds take while one floods, beside the same
 * flood with nobody listening.
 */
import { bootstrap } from '@peerweave/bootstrap'
import { complianceContext } from '@peerweave/compliance'
import { createTestnet } from '@peerweave/testnet'
import { defineMechanism, seededRng, virtualClock, type Claim, type DiscoveryMechanism, type MechanismContext, type MechanismFactory } from '@peerweave/interface'
import { multi, type Multi } from '@peerweave/multi'
import { memoryPeerStore } from '@peerweave/peer-store'
import { multiaddr } from '@multiformats/multiaddr'
import { alone, median, quantile, type Measured } from '../../harness.ts'
import { benchPeers } from '../../peer-store/peers.ts'
import type { PeerId } from '@libp2p/interface'

/** Sightings a second, in slices of no more than {@link SLICE}. */
const FLOOD = 100_000
const SLICE = 1_000
const ROUNDS = 1_000
/** Rounds of one side before the other's turn. */
const BLOCK = 20

const BAD: Record<string, (session: { honest: PeerId[] }) => Pick<Parameters<typeof defineMechanism>[1], 'round'> & { open?: () => Promise<void> | void }> = {
  'hangs in start': () => ({ open: async () => { await new Promise(() => {}) }, async * round () {} }),
  'hangs in a round': () => ({
    async * round () {
      await new Promise(() => {})
      yield * []
    }
  }),
  'fails in a round': () => ({
    async * round () {
      yield * []
      throw new Error('no')
    }
  }),
  lies: ({ honest }) => ({
    async * round () {
      for (const peerId of honest) {
        yield claimOf(peerId, '/ip4/10.9.9.9/tcp/9', NaN)
        yield claimOf(peerId, '/ip4/127.0.0.1/tcp/22')
        yield { kind: 'nonsense' } as unknown as Claim
      }
    }
  })
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const good = await arrivals()
  for (const [name, bad] of Object.entries(BAD)) {
    const beside = await arrivals(bad)
    const slower = 100 * (quantile(beside, 0.99) / quantile(good, 0.99) - 1)
    yield alone(`isolation: others' p99 later beside one that ${name}, virtual time`, slower, '%')
  }
  yield * flooded(progress, ROUNDS)
}

function claimOf (peerId: PeerId, address: string, ttl = 600_000): Claim {
  return { kind: 'claim', peerId, multiaddrs: [multiaddr(address)], ttl, reporter: { configured: true } }
}

/** After how long (virtual ms) each of a hundred peers of a mechanism that answers slowly was in the view. */
async function arrivals (bad?: typeof BAD[string]): Promise<number[]> {
  const clock = virtualClock()
  const honest = benchPeers(100).map(({ id }) => id)
  const goodOne = mechanism('good', clock, {
    async * round () {
      for (const peerId of honest) {
        await clock.sleep(20)
        yield claimOf(peerId, '/ip4/10.0.0.1/tcp/4001')
      }
    }
  })
  const badOne = bad == null ? [] : [mechanism('bad', clock, bad({ honest }))]
  const store = memoryPeerStore({ clock })
  const woven = multi({ mechanisms: [...badOne, goodOne], clock, rng: seededRng(1), store, maxPeersPerRound: 200, warmStart: 0 })(await complianceContext())
  const times: number[] = []
  woven.addEventListener('peer:discovery', ({ detail: { peer } }) => { if (honest.some(id => id.equals(peer.peerId))) times.push(clock.now()) })
  const starting = Promise.resolve(woven.start())
  await clock.advance(30_000)
  await starting
  const stopping = Promise.resolve(woven.stop())
  await clock.advance(60_000)
  await stopping
  if (times.length !== honest.length) throw new Error(`${times.length} of ${honest.length} arrived`)
  return times
}

function mechanism (name: string, clock: ReturnType<typeof virtualClock>, spec: { round: Parameters<typeof defineMechanism>[1]['round'], open?: () => Promise<void> | void }): MechanismFactory {
  return (context: MechanismContext): DiscoveryMechanism => defineMechanism(context, { name, type: name, clock, ...spec })
}

async function * flooded (progress: (text: string) => void, rounds: number): AsyncGenerator<Measured> {
  const claims = benchPeers(5_000).map(({ id, number }) => claimOf(id, `/ip4/10.${number >> 8}.${number & 255}.1/tcp/4001`))
  let tell: (claim: Claim) => void = () => {}
  const flood = (context: MechanismContext): DiscoveryMechanism => defineMechanism(context, {
    name: 'flood', type: 'flood', passive: true, open: ({ sight }) => { tell = sight }, close: () => { tell = () => {} }, async * round () {}
  })
  await using net = await createTestnet(3, {
    seed: 1,
    pubsub: false,
    mechanisms: ({ index, nodes }) => ({
      discovery: multi({
        mechanisms: [bootstrap({ list: nodes.flatMap(({ addresses }) => addresses.map(String)) }), ...index === 2 ? [flood] : []],
        interval: Infinity,
        warmStart: 0,
        liveness: false
      })
    })
  })
  const woven = net.node(2).services.discovery
  const flooding = new AbortController()
  const done = pour(claims, claim => tell(claim), flooding.signal)
  const times: Record<'heard' | 'unheard', number[][]> = { heard: [], unheard: [] }
  await block(woven, BLOCK) // warm
  for (let i = 0; i < rounds / BLOCK; i++) {
    for (const who of i % 2 === 0 ? ['heard', 'unheard'] as const : ['unheard', 'heard'] as const) {
      if (who === 'heard') woven.resume('flood')
      else woven.pause('flood')
      times[who].push(await block(woven, BLOCK))
    }
    if (i % 10 === 9) progress(`${(i + 1) * BLOCK} rounds: ${median(times.heard.flat()).toFixed(2)} ms heard, ${median(times.unheard.flat()).toFixed(2)} unheard; dropped ${woven.refusals()['flood']?.['queue-full']}`)
  }
  flooding.abort()
  const poured = await done
  progress(`${poured.toFixed(0)} sightings a second came`)
  const slowDown = (heard: number[][], unheard: number[][]): number => 100 * (median(heard.flat()) / median(unheard.flat()) - 1)
  const rng = seededRng(1)
  const again = (blocks: number[][]): number[][] => blocks.map(() => blocks[rng.int(blocks.length)] as number[])
  const resampled = Array.from({ length: 2_000 }, () => slowDown(again(times.heard), again(times.unheard)))
  yield alone('isolation: median round slower beside a flood', slowDown(times.heard, times.unheard), '%')
  yield alone('isolation: median round slower beside a flood, 95 % upper bound', quantile(resampled, 0.95), '%')
}

/** ms of each round. */
async function block (woven: Multi, rounds: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now()
    let seen = 0
    for await (const _ of woven.discoverPeers({ limit: 1_000 })) seen++
    times.push(performance.now() - begun)
    if (seen === 0) throw new Error('a round brought nobody')
  }
  return times
}

/** Resolves with how many a second it was. */
async function pour (claims: readonly Claim[], tell: (claim: Claim) => void, signal: AbortSignal): Promise<number> {
  const begun = performance.now()
  let poured = 0
  while (!signal.aborted) {
    const due = Math.min(SLICE, Math.floor((performance.now() - begun) * FLOOD / 1_000) - poured)
    for (let i = 0; i < due; i++) tell(claims[poured++ % claims.length] as Claim)
    await new Promise(resolve => setTimeout(resolve, due === SLICE ? 0 : 5))
  }
  return poured * 1_000 / (performance.now() - begun)
}
