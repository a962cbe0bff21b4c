/** The laws of the mechanism in virtual time, over an in-memory network. */
import { complianceContext, memoryNetwork, type ComplianceContext, type MemoryNetwork } from '@peerweave/compliance'
import { LimitExceededError, limits, seededRng, virtualClock, type Claim, type Sighting, type VirtualClock } from '@peerweave/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { bootstrap, type Bootstrap, type BootstrapOptions } from '../src/index.ts'
import { RETRY } from '../src/constants.ts'

let clock: VirtualClock
let network: MemoryNetwork
let own: ComplianceContext

beforeEach(async () => {
  clock = virtualClock()
  network = memoryNetwork()
  own = await complianceContext({ network })
})

function addressOf ({ ports: { host } }: ComplianceContext): Multiaddr {
  return (host.addresses()[0] as Multiaddr).encapsulate(`/p2p/${host.self}`)
}

/** An address where nobody is, of a peer that exists. */
async function dead (): Promise<Multiaddr> {
  return addressOf(await complianceContext({ addresses: [multiaddr('/ip4/10.99.0.1/tcp/1')] }))
}

/** A node that is not there until `arrive`. */
async function late (): Promise<{ address: Multiaddr, arrive: () => Promise<ComplianceContext> }> {
  const elsewhere = await complianceContext({ addresses: [multiaddr('/ip4/10.98.0.1/tcp/1')] })
  const { generateKeyPair } = await import('@libp2p/crypto/keys')
  const { peerIdFromPrivateKey } = await import('@libp2p/peer-id')
  const privateKey = await generateKeyPair('Ed25519')
  const [address] = elsewhere.ports.host.addresses()
  return {
    address: (address as Multiaddr).encapsulate(`/p2p/${peerIdFromPrivateKey(privateKey)}`),
    arrive: () => complianceContext({ network, privateKey, addresses: [address as Multiaddr] })
  }
}

function make (list: BootstrapOptions['list'], options: Partial<BootstrapOptions> = {}): Bootstrap {
  return bootstrap({ list, clock, rng: seededRng(1), ...options })(own)
}

async function round (mechanism: Bootstrap, options?: Parameters<Bootstrap['discoverPeers']>[0]): Promise<Claim[]> {
  const asking = Array.fromAsync(mechanism.discoverPeers(options))
  asking.catch(() => {})
  await clock.settle()
  await clock.advance(0)
  return await asking as Claim[]
}

describe('a round', () => {
  it('claims every node that answers, at the address the user gave, on the user\'s word', async () => {
    const [a, b] = [await complianceContext({ network }), await complianceContext({ network })]
    const mechanism = make([addressOf(a), addressOf(b)], { ttl: 5_000 })
    await mechanism.start()
    const claims = await round(mechanism)
    expect(claims.map(({ peerId }) => peerId.toString()).sort()).toEqual([a, b].map(({ ports }) => ports.host.self.toString()).sort())
    expect(claims[0]).toMatchObject({ kind: 'claim', ttl: 5_000, reporter: { configured: true } })
    await mechanism.stop()
  })

  it('says the same again while the node is connected, so that its claim does not run out', async () => {
    const a = await complianceContext({ network })
    const mechanism = make([addressOf(a)])
    await mechanism.start()
    expect(await round(mechanism)).toHaveLength(1)
    expect(await round(mechanism)).toHaveLength(1)
    await mechanism.stop()
  })

  it('a dead node among good ones costs nothing but a counter', async () => {
    const a = await complianceContext({ network })
    const gone = await dead()
    const mechanism = make([gone, addressOf(a)])
    await mechanism.start()
    expect(await round(mechanism)).toHaveLength(1)
    const [first, second] = mechanism.nodes()
    expect(first).toMatchObject({ successes: 0, failures: 1, lastError: { code: 'ERR_NETWORK' } })
    expect(second).toMatchObject({ successes: 1, failures: 0, lastError: undefined })
    expect(mechanism.status().failures).toBe(0)
    await mechanism.stop()
  })

  it('in which no node answers fails, carries each cause, and says when to ask again', async () => {
    const mechanism = make([await dead(), (await dead())])
    await mechanism.start()
    const error = await round(mechanism).then(() => undefined, error => error)
    expect(error).toMatchObject({ code: 'ERR_BOOTSTRAP_FAILED', cause: { errors: [{ code: 'ERR_NETWORK' }, { code: 'ERR_NETWORK' }] } })
    expect(error.retryAfter).toBeGreaterThan(0)
    await mechanism.stop()
  })

  it('in which every node waits for its retry fails with what each failed with before', async () => {
    const mechanism = make([await dead(), await dead()])
    await mechanism.start()
    await round(mechanism).catch(() => {})
    const error = await round(mechanism).then(() => undefined, error => error)
    expect(mechanism.nodes().map(({ failures }) => failures)).toEqual([1, 1])
    expect(error).toMatchObject({ code: 'ERR_BOOTSTRAP_FAILED', cause: { errors: [{ code: 'ERR_NETWORK' }, { code: 'ERR_NETWORK' }] } })
    await mechanism.stop()
  })

  it('for which our own dial queue is full accuses no node, and tries again', async () => {
    const a = await complianceContext({ network })
    const { host } = own.ports
    const { dial } = host
    host.dial = async () => { throw new LimitExceededError('200 are waiting already') }
    const mechanism = make([addressOf(a)])
    await mechanism.start()
    expect(await round(mechanism).then(() => undefined, error => error)).toMatchObject({ cause: { errors: [{ code: 'ERR_LIMIT_EXCEEDED' }] } })
    expect(mechanism.nodes()[0]).toMatchObject({ failures: 0, lastError: undefined })
    host.dial = dial
    await clock.advance(2 * RETRY.base)
    expect(mechanism.nodes()[0]).toMatchObject({ failures: 0, successes: 1 })
    await mechanism.stop()
  })

  it('gives each dial the whole of its time, on the user\'s word', async () => {
    const asked: unknown[] = []
    own.ports.host.dial = async (_, options) => {
      asked.push([options?.timeout, options?.reporter])
      throw new Error('no network')
    }
    for (const options of [{}, { timeout: 7 }]) {
      const mechanism = make([await dead()], options)
      await mechanism.start()
      await round(mechanism).catch(() => {})
      await mechanism.stop()
    }
    expect(asked).toEqual([[30_000, 'configured'], [7, 'configured']])
  })

  it('with an empty list is empty, not a failure', async () => {
    const mechanism = make([])
    await mechanism.start()
    expect(await round(mechanism)).toEqual([])
    await mechanism.stop()
  })

  it('takes no more peers than it may, and dials no more than that while they answer', async () => {
    const nodes = await Promise.all(Array.from({ length: 6 }, () => complianceContext({ network })))
    const mechanism = make(nodes.map(addressOf), { maxPeers: 2 })
    await mechanism.start()
    expect(await round(mechanism)).toHaveLength(2)
    expect(own.ports.host.connections()).toHaveLength(2)
    await mechanism.stop()
  })

  it('reaches beyond the first ones when they are dead', async () => {
    const a = await complianceContext({ network })
    const mechanism = make([...await Promise.all(Array.from({ length: 5 }, dead)), addressOf(a)], { maxPeers: 1 })
    await mechanism.start()
    expect(await round(mechanism)).toHaveLength(1)
    await mechanism.stop()
  })

  it('leaves our own address in the list alone', async () => {
    const mechanism = make([addressOf(own)])
    await mechanism.start()
    expect(await round(mechanism)).toEqual([])
    await mechanism.stop()
  })
})

describe('retries', () => {
  it('a node that comes up late is found without being asked for, and only once', async () => {
    const { address, arrive } = await late()
    const mechanism = make([address])
    const news: Sighting[] = []
    mechanism.addEventListener('sighting', ({ detail }) => news.push(detail))
    await mechanism.start()
    await round(mechanism).catch(() => {})
    await clock.advance(10_000)
    expect(mechanism.nodes()[0]?.failures).toBeGreaterThan(2)
    await arrive()
    await clock.advance(2 * RETRY.cap)
    expect(news).toHaveLength(1)
    await clock.advance(2 * RETRY.cap)
    expect(news).toHaveLength(1)
    await mechanism.stop()
    expect(clock.pending).toBe(0)
  })

  it('come less and less often, never stop, and never in lock-step', async () => {
    const times = async (seed: number): Promise<number[]> => {
      const mechanism = make([await dead()], { rng: seededRng(seed) })
      await mechanism.start()
      await round(mechanism).catch(() => {})
      const attempts: number[] = []
      for (let last = 0; clock.now() < 3_600_000 * seed; await clock.advance(500)) {
        const { failures } = mechanism.nodes()[0] ?? { failures: 0 }
        if (failures !== last) attempts.push(clock.now())
        last = failures
      }
      await mechanism.stop()
      return attempts
    }
    const attempts = await times(1)
    const gaps = attempts.slice(1).map((at, i) => at - (attempts[i] as number))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(RETRY.cap + 500)
    // Full jitter: half the cap on average, once it is reached.
    expect(attempts.length).toBeGreaterThan(3_600_000 / RETRY.cap)
    expect(attempts.length).toBeLessThan(4 * 3_600_000 / RETRY.cap)
    expect(new Set(gaps.slice(8)).size).toBeGreaterThan(gaps.length / 4)
  })

  it('a node that leaves is tried again', async () => {
    const a = await complianceContext({ network })
    const mechanism = make([addressOf(a)])
    await mechanism.start()
    await round(mechanism)
    await own.ports.host.close(a.ports.host.self)
    expect(own.ports.host.connections()).toHaveLength(0)
    await clock.advance(2 * RETRY.base)
    expect(own.ports.host.connections()).toHaveLength(1)
    await mechanism.stop()
  })

  it('a slow node is found after its round has ended', async () => {
    const a = await complianceContext({ network })
    let answer: (() => void) | undefined
    const slow = { ...own, ports: { ...own.ports, host: { ...own.ports.host } } }
    slow.ports.host.dial = async (...args) => {
      await new Promise<void>(resolve => { answer = resolve })
      return own.ports.host.dial(...args)
    }
    const mechanism = bootstrap({ list: [addressOf(a)], clock, rng: seededRng(1) })(slow)
    const news: Sighting[] = []
    mechanism.addEventListener('sighting', ({ detail }) => news.push(detail))
    await mechanism.start()
    const asking = Array.fromAsync(mechanism.discoverPeers())
    await clock.advance(limits.roundDeadline)
    expect(await asking).toEqual([])
    answer?.()
    await clock.settle()
    expect(news).toHaveLength(1)
    await mechanism.stop()
  })
})

describe('the list', () => {
  it.each([
    ['not a multiaddr', 'nonsense', /"nonsense" is not a multiaddr/],
    ['empty', '', /"" is not a multiaddr/],
    ['a number', 7 as never, /7 is not a multiaddr/],
    ['null', null as never, /null is not a multiaddr/],
    ['bytes', new Uint8Array(2) as never, /is not a multiaddr/],
    ['an object', {} as never, /\{\} is not a multiaddr/],
    ['no peer id', '/ip4/10.0.0.1/tcp/1', /does not end in \/p2p/],
    ['a broken peer id', '/ip4/10.0.0.1/tcp/1/p2p/QmBroken', /is not a multiaddr|not a peer id/],
    ['nothing to dial', '/unix/tmp/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X', /can be dialled/],
    ['a terminal escape', '/dns4/\u001b[2J/tcp/1', /\\u\{1b\}|\\u001b/]
  ])('%s is refused, by name', (_, text, message) => {
    expect(() => bootstrap({ list: [text] })).toThrow(message)
    expect(() => bootstrap({ list: [text] })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_BOOTSTRAP_NODE' }))
  })

  it('several addresses of one peer are one node', async () => {
    const a = await complianceContext({ network })
    const second = multiaddr(`/ip4/10.97.0.1/tcp/1/p2p/${a.ports.host.self}`)
    const mechanism = make([addressOf(a), second, addressOf(a)])
    expect(mechanism.nodes().map(({ addresses }) => addresses.length)).toEqual([2])
  })

  it.each([limits.bootstrapNodes - 1, limits.bootstrapNodes])('%i nodes are taken, one more than the bound is not', async count => {
    const mechanism = make([])
    for (let i = 0; i < count; i++) mechanism.addNode(await dead())
    expect(mechanism.nodes()).toHaveLength(count)
    const oneMore = await dead()
    if (count < limits.bootstrapNodes) mechanism.addNode(oneMore)
    else expect(() => mechanism.addNode(oneMore)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT_EXCEEDED' }))
  })

  it('that is too long is refused when it is given, not when the node is built', async () => {
    const list = await Promise.all(Array.from({ length: limits.bootstrapNodes + 1 }, dead))
    expect(() => bootstrap({ list })).toThrow(expect.objectContaining({ code: 'ERR_LIMIT_EXCEEDED', message: expect.stringContaining(String(list.at(-1))) }))
    expect(() => bootstrap({ list: list.slice(1) })).not.toThrow()
  })

  it('a node added at run time is tried at once', async () => {
    const a = await complianceContext({ network })
    const mechanism = make([])
    const news: Sighting[] = []
    mechanism.addEventListener('sighting', ({ detail }) => news.push(detail))
    await mechanism.start()
    mechanism.addNode(addressOf(a))
    await clock.settle()
    expect(news).toHaveLength(1)
    await mechanism.stop()
  })

  it('names a wrong option', () => {
    expect(() => bootstrap({ list: '/ip4/10.0.0.1/tcp/1' as never })).toThrow(
      new TypeError('list must be a list of addresses that end in /p2p/<peer id>, got "/ip4/10.0.0.1/tcp/1"')
    )
    expect(() => bootstrap({} as never)).toThrow(/list must be a list .*, got undefined/)
    expect(() => bootstrap(undefined as never)).toThrow(new TypeError('bootstrap takes an object of options, got undefined'))
    expect(() => bootstrap({ list: [], timeout: 120_001 })).toThrow(/timeout must be .* to 120000/)
    expect(() => bootstrap({ list: [], name: 'a/b' })).toThrow(/name must be/)
    expect(() => bootstrap({ list: [], maxPeers: 0 })).toThrow(/maxPeers must be a whole number from 1/)
    expect(() => bootstrap({ list: [], retries: 3 } as never)).toThrow(/retries/)
  })
})
