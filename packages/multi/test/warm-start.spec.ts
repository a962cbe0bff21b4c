/** Coming back to peers that were proven in an earlier run. */
import { complianceContext, memoryNetwork, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { LimitExceededError, seededRng, virtualClock, type PeerStore, type VirtualClock } from '@peerweave/interface'
import { memoryPeerStore } from '@peerweave/peer-store'
import { beforeEach, describe, expect, it } from 'vitest'
import { WARM_TIME } from '../src/constants.ts'
import { multi, type Multi, type MultiOptions } from '../src/index.ts'

let clock: VirtualClock
let network: MemoryNetwork
let own: ComplianceContext
let others: ComplianceContext[]
let store: PeerStore

beforeEach(async () => {
  clock = virtualClock()
  network = memoryNetwork()
  own = await complianceContext({ network })
  others = await Promise.all(Array.from({ length: 6 }, () => complianceContext({ network })))
  store = memoryPeerStore({ clock, hashKey: new Uint8Array(8) })
})

/** What an earlier run left behind: peers claimed, and some of them reached by us. */
async function remember (peers: readonly ComplianceContext[], reached: boolean): Promise<void> {
  await store.start()
  for (const { ports: { host } } of peers) {
    await store.addPeer({
      peerId: host.self, multiaddrs: host.addresses(), source: { path: 'one', type: 'one', group: 'g' }, observedAt: clock.now(), expiresAt: clock.now() + 3_600_000
    })
    const [address] = host.addresses()
    if (reached && address != null) await store.recordOutcome(host.self, address, 'success')
  }
}

async function run (options: Partial<MultiOptions> = {}): Promise<Multi> {
  const made = multi({ mechanisms: [], store, clock, rng: seededRng(1), ...options })(own)
  await made.start()
  await clock.advance(10)
  return made
}

const connected = (): number => own.ports.host.connections().length

describe('after a start', () => {
  it('so many proven peers are dialled as connections are wanted', async () => {
    await remember(others, true)
    const made = await run({ warmStart: 2 })
    expect(connected()).toBe(2)
    await made.stop()
  })

  it('who is only hearsay is dialled when that leaves us alone, and as such', async () => {
    await remember(others, false)
    const { dial } = own.ports.host
    const grounds = new Set<boolean | undefined>()
    own.ports.host.dial = async (targets, options) => {
      grounds.add(options?.isHearsay)
      return dial(targets, options)
    }
    const made = await run({ warmStart: 3 })
    expect([connected(), ...grounds]).toEqual([3, true])
    await made.stop()
  })

  it('with one proven peer there, hearsay is left alone', async () => {
    await remember(others.slice(1), false)
    await remember(others.slice(0, 1), true)
    const made = await run()
    expect(connected()).toBe(1)
    await made.stop()
  })

  it('with 0 nobody is dialled', async () => {
    await remember(others, true)
    const made = await run({ warmStart: 0 })
    expect(connected()).toBe(0)
    await made.stop()
  })

  it('whoever came to us counts', async () => {
    await remember(others, true)
    for (const { ports } of others.slice(0, 4)) await ports.host.dial(own.ports.host.addresses())
    const made = await run({ warmStart: 4 })
    expect(connected()).toBe(4)
    await made.stop()
  })

  it('one that is gone makes room for the next, and its failure is remembered', async () => {
    await remember(others, true)
    const { dial } = own.ports.host
    const [gone] = others
    own.ports.host.dial = async (targets, options) => {
      if (targets.some(target => target.toString().includes(gone?.ports.host.self.toString() ?? ''))) throw new Error('nobody there')
      return dial(targets, options)
    }
    const before = store.peek((gone as ComplianceContext).ports.host.self)?.confidence ?? 0
    const made = await run({ warmStart: 6 })
    expect(connected()).toBe(5)
    expect(store.peek((gone as ComplianceContext).ports.host.self)?.confidence).toBeLessThan(before)
    await made.stop()
  })

  it('without a network nobody is called gone, and who was not dialled never is', async () => {
    await remember(others, true)
    const confidence = (): Array<number | undefined> => others.map(({ ports }) => store.peek(ports.host.self)?.confidence)
    const before = confidence()
    const { dial } = own.ports.host
    own.ports.host.dial = async () => { throw new Error('no route to host') }
    let made = await run({ warmStart: 3 })
    expect(confidence()).toEqual(before)
    await made.stop()
    let dials = 0
    own.ports.host.dial = async (targets, options) => {
      if (dials++ === 0) throw new LimitExceededError('200 are waiting already')
      return dial(targets, options)
    }
    made = await run({ warmStart: 3 })
    expect(connected()).toBe(3)
    expect(Math.min(...confidence().map(Number))).toBeGreaterThanOrEqual(Math.min(...before.map(Number)) * 0.99)
    await made.stop()
  })

  it('dials that hang are given up in time, and on stop', async () => {
    await remember(others, true)
    let under = 0
    own.ports.host.dial = async (_, options) => new Promise((_resolve, reject) => {
      under++
      options?.signal?.addEventListener('abort', () => {
        under--
        reject(new Error('aborted'))
      })
    })
    const made = await run({ warmStart: 4 })
    expect(under).toBe(4)
    await clock.advance(WARM_TIME)
    expect(under).toBe(0)
    await made.stop()
    const again = await run({ warmStart: 4 })
    expect(under).toBe(4)
    await again.stop()
    expect(under).toBe(0)
  })
})

it('a dial of ours that reaches a claimed peer proves it; one of its own does not', async () => {
  const [a, b] = others as [ComplianceContext, ComplianceContext]
  await remember([a, b], false)
  const made = await run({ warmStart: 0 })
  await own.ports.host.dial(a.ports.host.addresses())
  await b.ports.host.dial(own.ports.host.addresses())
  await clock.advance(10)
  expect(store.pick({ table: 'tried', count: 9 }).map(({ peerId }) => peerId.toString())).toEqual([a.ports.host.self.toString()])
  await made.stop()
})

it('a peer that we had dialled before anybody claimed it is proven by its first claim', async () => {
  const [a] = others as [ComplianceContext]
  await store.start()
  await own.ports.host.dial(a.ports.host.addresses())
  const { handmade, claim } = await import('./support.ts')
  const one = handmade('one', { clock })
  const made = await run({ mechanisms: [one.factory], warmStart: 0, interval: Infinity })
  one.say(claim(a.ports.host.self, { addresses: a.ports.host.addresses().map(String) }))
  await clock.advance(10)
  expect(store.pick({ table: 'tried', count: 9 }).map(({ peerId }) => peerId.toString())).toEqual([a.ports.host.self.toString()])
  await made.stop()
})
