/** Asking and answering between nodes on an in-memory network, in virtual time. */
import { memoryNetwork, type MemoryNetwork } from '@peerweave/compliance'
import { limits, seededRng, virtualClock, type Claim, type StandingRecord, type VerifiedRecord, type VirtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { ENOUGH_RECORDS, HOPS, MAX_WAIT, RECORD_TTL } from '../src/constants.ts'
import { exchange, type Answered } from '../src/index.ts'
import { decodeRequest } from '../src/message.ts'
import { connect, createPeer, LOOPBACK, numRuns, opened, PRIVATE, PUBLIC, record, recordOf, settled, teach, type Peer } from './support.ts'

let clock: VirtualClock
let network: MemoryNetwork

beforeEach(() => {
  clock = virtualClock()
  network = memoryNetwork(clock)
})

/** Started, and connected to those before. */
async function peers (count: number, init: Partial<Parameters<typeof createPeer>[0]> = {}): Promise<Peer[]> {
  const made: Peer[] = []
  for (let i = 0; i < count; i++) {
    const peer = await createPeer({ network, clock, ...init })
    await peer.exchange.start()
    for (const other of made) await connect(peer, other)
    made.push(peer)
  }
  return made
}

async function ask (from: Pick<Peer, 'exchange'>, to: Pick<Peer, 'id'>, options?: Parameters<Peer['exchange']['ask']>[1]): Promise<Answered> {
  return await settled(clock, from.exchange.ask(to.id, options))
}

const ids = (claims: readonly Claim[]): string[] => claims.map(({ peerId }) => peerId.toString()).sort()
const idsOf = (...of: Array<Pick<Peer, 'id'> | VerifiedRecord>): string[] => of.map(one => ('id' in one ? one.id : one.peerId).toString()).sort()

/** What the asker says in its requests, from now on. */
function listen ({ context }: Peer): Array<NonNullable<ReturnType<typeof decodeRequest>>> {
  const said: Array<NonNullable<ReturnType<typeof decodeRequest>>> = []
  const { rpc } = context.ports
  const { request } = rpc
  rpc.request = async (peer, protocol, body, options) => {
    const decoded = decodeRequest(body)
    if (decoded != null) said.push(decoded)
    return await request(peer, protocol, body, options)
  }
  return said
}

describe('an answer', () => {
  it('says when the asker holds enough not to be in a hurry', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await teach(server, await Promise.all(Array.from({ length: 2 * ENOUGH_RECORDS }, (_, i) => record(i + 1))))
    const enough: boolean[] = []
    for (let held = 0; held < ENOUGH_RECORDS; held = asker.exchange.size) enough.push((await ask(asker, server)).isEnough)
    expect([enough.at(-1), enough.slice(0, -1).includes(true)]).toEqual([true, false])
  })

  it('has the answerer\'s own record and those that it knows, signed, each with its reporter', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const known = [await record(1), await record(2)]
    await teach(server, known)
    const { claims, learnt, hasMore, wait } = await ask(asker, server)
    expect(ids(claims)).toEqual(idsOf(server, ...known))
    expect({ learnt, hasMore, wait }).toEqual({ learnt: 3, hasMore: false, wait: 0 })
    for (const claim of claims) {
      expect(claim).toMatchObject({ kind: 'claim', reporter: { peer: server.id, remoteAddr: server.context.ports.host.addresses()[0] } })
      expect(claim.signedPeerRecord).toBeInstanceOf(Uint8Array)
      expect(claim.ttl).toBeGreaterThan(0)
    }
  })

  it('has nothing that the asker knows already, nor the asker itself', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const known = await Promise.all(Array.from({ length: 20 }, (_, i) => record(i)))
    await teach(server, known)
    await teach(asker, known.slice(0, 15))
    expect(ids((await ask(asker, server)).claims)).toEqual(idsOf(server, ...known.slice(15)))
    expect(server.exchange.size).toBe(21) // the asker came along
    expect((await ask(asker, server)).learnt).toBe(0)
  })

  it('has what the asker knows in an older form, or not for long any more', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await teach(server, [await record(1, { seq: 2n }), await record(2)])
    await teach(asker, [await record(1, { seq: 1n })])
    await teach(asker, [await record(2)], { ttl: RECORD_TTL / 2 })
    expect(await ask(asker, server)).toMatchObject({ learnt: 2, claims: { length: 3 } })
  })

  it('has at most 32 records, and says when there are more: so many questions later all are known', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await teach(server, await Promise.all(Array.from({ length: 100 }, (_, i) => record(i))))
    const answers: Answered[] = []
    do answers.push(await ask(asker, server))
    while (answers.at(-1)?.hasMore === true)
    expect(answers.map(({ claims }) => claims.length).slice(0, 3)).toEqual([32, 32, 32])
    // A digest hides one in a hundred by chance; the next one has another salt.
    for (let i = 0; i < 5 && asker.exchange.size < 101; i++) await ask(asker, server)
    expect(asker.exchange.size).toBe(101)
  })

  it.each([1, 2, 32])('has no more than the %i that are wanted', async want => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await teach(server, await Promise.all(Array.from({ length: 40 }, (_, i) => record(i))))
    expect(await ask(asker, server, { want })).toMatchObject({ claims: { length: want }, hasMore: true })
  })

  it.each([0, 33, 1.5, NaN])('to a question for %d records is not asked for', async want => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await expect(ask(asker, server, { want })).rejects.toThrow(/^want must be a whole number from 1 to 32/)
  })

  it('is drawn at random', async () => {
    const [server, ...askers] = await peers(5) as [Peer, ...Peer[]]
    await teach(server, await Promise.all(Array.from({ length: 60 }, (_, i) => record(i))))
    const answers = await Promise.all(askers.map(async asker => ids((await ask(asker, server, { want: 10 })).claims).join()))
    expect(new Set(answers).size).toBe(4)
  })

  it('has what came to the node by itself, too, as far as there is room, and for no longer than that stands', async () => {
    const standing = await record(7)
    const brief = await record(8)
    const records = new Map<string, StandingRecord>([['7', { record: standing, ttl: 90_000 }], ['8', { record: brief, ttl: 999 }]])
    const [server] = await peers(1, { records }) as [Peer]
    const asker = await createPeer({ network, clock })
    await connect(asker, server)
    const { claims } = await ask(asker, server)
    expect(ids(claims)).toEqual(idsOf(server, standing))
    expect(claims.find(({ peerId }) => peerId.equals(standing.peerId))?.ttl).toBe(90_000)
    expect(asker.dropped).toEqual({}) // what was left of the other was not worth the way
  })

  it('to a question for protocols has only peers that said so when they were identified', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const [speaks, mute] = [await record(1), await record(2)]
    await teach(server, [speaks, mute])
    const identify = (peer: VerifiedRecord, protocols: string[]): void => {
      const detail = { peer: peer.peerId, remoteAddr: server.context.ports.host.addresses()[0], listenAddrs: [], protocols }
      server.context.ports.host.events.dispatchEvent(new CustomEvent('identify', { detail }))
    }
    identify(speaks, ['/a/1', '/b/1', '/c/1'])
    identify(mute, ['/a/1'])
    expect(ids((await ask(asker, server, { protocols: ['/a/1', '/b/1'] })).claims)).toEqual(idsOf(speaks))
    expect((await ask(asker, server, { protocols: ['/d/1'] })).claims).toEqual([])
  })

  it('is what one gets who is connected; without a connection it is an error', async () => {
    const [server] = await peers(1) as [Peer]
    const asker = await createPeer({ network, clock })
    await expect(ask(asker, server)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    const deaf = await createPeer({ network, clock })
    await connect(asker, deaf)
    await expect(ask(asker, deaf)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  })
})

describe('a question', () => {
  it('brings our own record along, once, and again when it has changed or is old', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const said = listen(asker)
    const brings = async (): Promise<boolean> => {
      await ask(asker, server)
      return said.at(-1)?.record != null
    }
    expect([await brings(), await brings()]).toEqual([true, false])
    expect(server.sightings).toMatchObject([{ kind: 'claim', peerId: asker.id, reporter: { peer: asker.id } }])
    asker.exchange.own.renew()
    expect([await brings(), await brings()]).toEqual([true, false])
    await clock.advance(RECORD_TTL / 4 + 1)
    expect([await brings(), await brings()]).toEqual([true, false])
  })

  it('brings it again after the peer was away, and after a question that failed', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const said = listen(asker)
    await ask(asker, server)
    await asker.context.ports.host.close(server.id)
    await connect(asker, server)
    await ask(asker, server)
    expect(said.map(({ record }) => record != null)).toEqual([true, true])

    asker.exchange.own.renew()
    const { rpc } = server.context.ports
    await rpc.handle('/peerweave/exchange/1.0.0', async () => { throw new Error('not now') }, { maxRequest: 8_192, timeout: 5_000 })
    await expect(ask(asker, server)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    await server.exchange.stop()
    await server.exchange.start()
    await ask(asker, server)
    expect(said.slice(2).map(({ record }) => record != null)).toEqual([true, true])
  })

  it('has an id of its own: a UUID of version 7, of the time', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const said = listen(asker)
    for (let i = 0; i < 3; i++) await ask(asker, server)
    const texts = said.map(({ id }) => Buffer.from(id).toString('hex'))
    expect(new Set(texts).size).toBe(3)
    for (const text of texts) {
      expect(parseInt(text.slice(0, 12), 16)).toBe(clock.wall())
      expect(text).toMatch(/^.{12}7.{3}[89ab]/)
    }
  })

  it('names nothing twice to a digest of the same salt', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const said = listen(asker)
    for (let i = 0; i < 3; i++) await ask(asker, server)
    const salts = said.map(({ want }) => Buffer.from(want?.known.subarray(0, 4) ?? []).toString('hex'))
    expect(new Set(salts).size).toBe(3)
  })

  it('that another user of the node has just asked is known to be', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const other = asker.user()
    await ask(asker, server)
    expect([asker.exchange.isAsked(server.id), other.exchange.isAsked(server.id)]).toEqual([false, true])
    await clock.advance(500)
    expect(other.exchange.isAsked(server.id)).toBe(false)
  })

  it('ends when its signal fires, before, during and after the request', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await teach(server, await Promise.all(Array.from({ length: 30 }, (_, i) => record(i))))
    await expect(ask(asker, server, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    const { rpc } = asker.context.ports
    const { request } = rpc
    for (const when of ['meanwhile', 'when the answer is there']) {
      const controller = new AbortController()
      rpc.request = async (...args) => {
        const answering = request(...args)
        if (when !== 'meanwhile') await answering
        controller.abort()
        return await answering
      }
      await expect(ask(asker, server, { signal: controller.signal }), when).rejects.toMatchObject({ name: 'AbortError' })
    }
    expect([asker.exchange.size, clock.pending]).toEqual([0, 0])
  })
})

describe('passing on', () => {
  /** A line of peers, each connected to the next. */
  async function line (count: number, init: Partial<Parameters<typeof createPeer>[0]> = {}): Promise<Peer[]> {
    const made: Peer[] = []
    for (let i = 0; i < count; i++) {
      const peer = await createPeer({ network, clock, ...init })
      await peer.exchange.start()
      const last = made.at(-1)
      if (last != null) await connect(peer, last)
      made.push(peer)
    }
    return made
  }

  it.each([[1], [HOPS], [5]])('is done %i times, no more', async hops => {
    const all = await line(8, { hops })
    const [first] = all as [Peer]
    // Each asks the one before it, in order: what can come through has come through.
    for (const [i, peer] of all.entries()) {
      const before = all[i - 1]
      if (before != null) await ask(peer, before)
    }
    const reached = all.map(peer => peer.exchange.size)
    expect(reached.map((size, i) => i === 0 || size > 0)).not.toContain(false)
    const know = await Promise.all(all.slice(1).map(async peer => {
      const asker = await createPeer({ network, clock, hops: 16 })
      await connect(asker, peer)
      return ids((await ask(asker, peer)).claims).includes(first.id.toString())
    }))
    // The second has it from the first itself: whoever asks it gets it by one hop.
    expect(know).toEqual(Array.from({ length: 7 }, (_, i) => i < hops))
  })

  it('is not done with what came by too many hops, and it is counted', async () => {
    const [server] = await peers(1, { hops: 5 }) as [Peer]
    const asker = await createPeer({ network, clock, hops: 2 })
    await connect(asker, server)
    await teach(server, [await record(1)], { hops: 1 })
    await teach(server, [await record(2)], { hops: 2 })
    expect(await ask(asker, server)).toMatchObject({ claims: { length: 2 } })
    expect(asker.dropped).toEqual({ 'too-many-hops': 1 })
  })

  it('is done for as long as is left, not longer', async () => {
    const all = await line(3)
    const [first, second, third] = all as [Peer, Peer, Peer]
    await ask(second, first)
    await clock.advance(100_000)
    const { claims } = await ask(third, second)
    expect(claims.find(({ peerId }) => peerId.equals(first.id))?.ttl).toBe(RECORD_TTL - 100_000)
  })

  it('never makes a record live longer, however slow the answers are and however it goes round', async () => {
    const subject = await record(77)
    const step = fc.record({ from: fc.nat(3), to: fc.nat(3), delay: fc.nat(4_900), wait: fc.nat(300_000) })
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      clock = virtualClock()
      network = memoryNetwork(clock)
      const all = await peers(4, { hops: 16 })
      let delay = 0
      for (const { context: { ports: { rpc } } } of all) {
        const { request } = rpc
        rpc.request = async (...args) => {
          const answer = await request(...args)
          await clock.sleep(delay)
          return answer
        }
      }
      await teach(all[0] as Peer, [subject])
      for (const { from, to, delay: slow, wait } of steps) {
        const [asker, server] = [all[from] as Peer, all[to] as Peer]
        if (asker !== server) {
          delay = slow
          const asking = asker.exchange.ask(server.id)
          asking.catch(() => {})
          await clock.advance(slow)
          const { claims } = await settled(clock, asking)
          for (const { peerId, ttl } of claims) {
            if (peerId.equals(subject.peerId)) expect(clock.now() + ttl).toBeLessThanOrEqual(RECORD_TTL)
          }
        }
        await clock.advance(wait)
      }
    }), { numRuns: Math.min(numRuns / 50, 200) })
  })

  it('is not done with a record older than the one that we have, goodbyes included', async () => {
    const [server, asker, gone] = await peers(3) as [Peer, Peer, Peer]
    await ask(gone, server)
    await ask(gone, asker)
    await settled(clock, gone.exchange.push(asker.id, await gone.exchange.own.farewell()))
    expect(asker.sightings.map(({ kind }) => kind)).toEqual(['claim', 'withdraw'])
    expect(ids((await ask(asker, server)).claims)).toEqual(idsOf(server))
    expect(asker.dropped).toEqual({ 'old-record': 1 })
    const last = await createPeer({ network, clock })
    await connect(last, asker)
    expect(ids((await ask(last, asker)).claims)).not.toContain(gone.id.toString())
  })
})

describe('who hears what', () => {
  const SERVER = [PUBLIC, '/ip4/10.9.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2']
  const holding = async (addresses: string[]): Promise<{ server: Peer, held: Record<string, VerifiedRecord> }> => {
    const server = await createPeer({ network, clock, addresses })
    await server.exchange.start()
    const held = {
      public: await record(1, { addresses: ['/ip4/9.9.9.9/tcp/1'] }),
      private: await record(2, { addresses: ['/ip4/9.9.9.9/tcp/1', PRIVATE] }),
      loopback: await record(3, { addresses: [LOOPBACK] })
    }
    await teach(server, Object.values(held))
    return { server, held }
  }

  it.each([
    ['the internet', '/ip4/1.2.3.4/tcp/1', ['public'], 1],
    ['the same site', '/ip4/10.9.0.9/tcp/1', ['public', 'private'], 2],
    ['the same machine', '/ip4/127.0.0.1/tcp/9', ['public', 'private', 'loopback'], 3]
  ])('an asker from %s hears what is fit for it, of the answerer too', async (_, address, scopes, own) => {
    const { server, held } = await holding(SERVER)
    const asker = await createPeer({ network, clock, addresses: [address] })
    await connect(asker, server)
    const { claims } = await ask(asker, server)
    expect(ids(claims)).toEqual(idsOf(server, ...scopes.map(scope => held[scope] as VerifiedRecord)))
    expect(claims.find(({ peerId }) => peerId.equals(server.id))?.multiaddrs.map(String)).toEqual(SERVER.slice(0, own))
  })

  it('the record that a question brings is fit for the answerer', async () => {
    const asker = await createPeer({ network, clock, addresses: SERVER })
    for (const [address, own] of [['/ip4/1.2.3.4/tcp/1', 1], ['/ip4/10.9.0.9/tcp/1', 2], ['/ip4/127.0.0.1/tcp/9', 3]] as const) {
      const server = await createPeer({ network, clock, addresses: [address] })
      await server.exchange.start()
      await connect(asker, server)
      await ask(asker, server)
      expect(server.sightings).toMatchObject([{ multiaddrs: { length: own } }])
    }
  })

  it('a peer that is reached only by a relay may be anywhere, and is no one to ask', async () => {
    const { server } = await holding(SERVER)
    const asker = await createPeer({ network, clock, addresses: ['/ip4/10.9.0.9/tcp/1'] })
    await connect(asker, server)
    const { host } = asker.context.ports
    const direct = host.connections()
    const relayed = direct.map(connection => ({ ...connection, limited: true, remoteAddr: connection.remoteAddr.encapsulate('/p2p-circuit') }))
    host.connections = () => relayed
    await expect(ask(asker, server)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
    // With a direct connection beside it the request goes over that one.
    host.connections = () => [...relayed, ...direct]
    expect((await ask(asker, server)).claims[0]?.reporter?.remoteAddr).toEqual(direct[0]?.remoteAddr)
  })

  it('private addresses that a stranger reports are told to nobody in his place', async () => {
    const middle = await createPeer({ network, clock, addresses: ['/ip4/10.9.0.1/tcp/1'] })
    await middle.exchange.start()
    // A stranger says it of itself …
    const stranger = await createPeer({ network, clock, addresses: ['/ip4/1.2.3.4/tcp/1'] })
    await stranger.exchange.start()
    await connect(stranger, middle)
    await settled(clock, stranger.exchange.push(middle.id, await recordOf(stranger, 1n, [PRIVATE])))
    expect(middle.sightings).toMatchObject([{ kind: 'claim', reporter: { peer: stranger.id } }])
    // … and of others, when it is asked.
    await stranger.context.ports.rpc.unhandle('/peerweave/exchange/1.0.0')
    const { encodeAnswer } = await import('../src/message.ts')
    const victim = await record(9, { addresses: [LOOPBACK, PRIVATE] })
    await stranger.context.ports.rpc.handle('/peerweave/exchange/1.0.0', async body => {
      return encodeAnswer({ id: decodeRequest(body)?.id ?? new Uint8Array(), entries: [{ record: victim.bytes, ttl: 60_000, hops: 1 }], hasMore: false, wait: 0 })
    }, { maxRequest: 8_192, timeout: 5_000 })
    const { claims, learnt } = await ask(middle, stranger)
    expect([ids(claims), learnt]).toEqual([idsOf(victim), 0]) // whoever keeps the claim judges it by its reporter
    expect(middle.exchange.size).toBe(0)
    const neighbour = await createPeer({ network, clock, addresses: ['/ip4/10.9.0.7/tcp/1'] })
    await connect(neighbour, middle)
    expect(ids((await ask(neighbour, middle)).claims)).toEqual(idsOf(middle))
  })

  it('nobody hears of us while we announce nothing', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    server.exchange.own.announce([])
    asker.exchange.own.announce([])
    expect((await ask(asker, server)).claims).toEqual([])
    expect(server.sightings).toEqual([])
  })
})

describe('what a peer brings', () => {
  it('is told to the user, kept for those who ask, and renewed', async () => {
    const [server, bringer, asker] = await peers(3) as [Peer, Peer, Peer]
    await settled(clock, bringer.exchange.push(server.id))
    expect(server.sightings).toMatchObject([{ kind: 'claim', peerId: bringer.id, ttl: RECORD_TTL }])
    expect(ids((await ask(asker, server)).claims)).toEqual(idsOf(server, bringer))
    await clock.advance(RECORD_TTL - 1)
    await settled(clock, bringer.exchange.push(server.id))
    await clock.advance(RECORD_TTL - limits.ttlMin)
    expect(ids((await ask(asker, server)).claims)).toContain(bringer.id.toString())
    // What is left of it is not worth the way any more.
    await clock.advance(1)
    expect(ids((await ask(asker, server)).claims)).not.toContain(bringer.id.toString())
    expect(asker.dropped).toEqual({})
  })

  it('is what we announced: those who were brought our record are told when it changes', async () => {
    const [server, bringer, stranger, named] = await peers(4) as [Peer, Peer, Peer, Peer]
    await ask(bringer, server)
    await settled(clock, bringer.exchange.announce([(await record(0)).addresses[0]!], [named.id]))
    const last = (peer: Peer): string[] => peer.sightings.slice(-1).flatMap(sighting => sighting.kind === 'claim' ? sighting.multiaddrs.map(String) : [])
    expect([server, named, stranger].map(last)).toEqual([[PUBLIC], [PUBLIC], []])
  })

  it('is not brought again by `bring` to a peer that has it from an answer', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    await ask(asker, server)
    const said = listen(server)
    await settled(clock, server.exchange.bring(asker.id))
    expect(said).toEqual([])
    server.exchange.own.renew()
    await settled(clock, server.exchange.bring(asker.id))
    expect(said).toHaveLength(1)
    expect(said[0]?.want).toBeUndefined()
  })

  it('a goodbye takes it back, and an older word does not bring it back', async () => {
    const [server, bringer, asker] = await peers(3) as [Peer, Peer, Peer]
    const before = await bringer.exchange.own.for('private')
    await ask(bringer, server)
    await settled(clock, bringer.exchange.farewell())
    expect(server.sightings).toMatchObject([{ kind: 'claim', peerId: bringer.id }, { kind: 'withdraw', peerId: bringer.id, reporter: { peer: bringer.id } }])
    await settled(clock, bringer.exchange.push(server.id, before))
    expect(server.dropped).toEqual({ 'old-record': 1 })
    expect(server.sightings).toHaveLength(2)
    expect(ids((await ask(asker, server)).claims)).toEqual(idsOf(server))
  })

  it('goodbyes go to whoever has heard of us and is still there, at once, and are over in a second', async () => {
    const [leaving, brought, asked, stranger, hanging] = await peers(5) as [Peer, Peer, Peer, Peer, Peer]
    await ask(leaving, brought)
    await ask(asked, leaving)
    await ask(leaving, hanging)
    await hanging.context.ports.rpc.handle('/peerweave/exchange/1.0.0', async () => await new Promise(() => {}), { maxRequest: 8_192, timeout: 60_000 })
    const goodbye = leaving.exchange.farewell()
    await clock.advance(1_000)
    await goodbye // nobody gave up: the one that hangs is no failure
    expect([brought, asked, stranger].map(({ sightings }) => sightings.filter(({ kind }) => kind === 'withdraw').length)).toEqual([1, 1, 0])
    // Nothing more of us, until we announce ourselves again.
    const isHeardOf = async (): Promise<boolean> => ids((await ask(asked, leaving)).claims).includes(leaving.id.toString())
    expect(await isHeardOf()).toBe(false)
    await settled(clock, leaving.exchange.announce(leaving.context.ports.host.addresses(), []))
    expect(await isHeardOf()).toBe(true)
  })

  it('a goodbye that is given up says so', async () => {
    const [leaving, hanging] = await peers(2) as [Peer, Peer]
    await ask(leaving, hanging)
    await hanging.context.ports.rpc.handle('/peerweave/exchange/1.0.0', async () => await new Promise(() => {}), { maxRequest: 8_192, timeout: 60_000 })
    const controller = new AbortController()
    const goodbye = leaving.exchange.farewell({ signal: controller.signal })
    controller.abort()
    await expect(settled(clock, goodbye)).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('a ping', () => {
  it('takes as long as the answer', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    expect(await settled(clock, asker.exchange.ping(server.id))).toBe(0)
    const { rpc } = asker.context.ports
    const { request } = rpc
    rpc.request = async (...args) => {
      await clock.sleep(120)
      return await request(...args)
    }
    const pinging = asker.exchange.ping(server.id)
    await clock.advance(120)
    expect(await settled(clock, pinging)).toBe(120)
    expect([server.sightings, asker.exchange.size]).toEqual([[], 0])
  })
})

describe('a peer that asks too often', () => {
  it('is told when to come again, and is answered then', async () => {
    const [server, asker] = await peers(2) as [Peer, Peer]
    const waits: number[] = []
    for (let i = 0; i <= limits.exchangeAsksBurst; i++) waits.push((await ask(asker, server)).wait)
    expect(waits).toEqual([...Array<number>(limits.exchangeAsksBurst).fill(0), 1_000])
    expect(server.dropped).toEqual({ 'too-often': 1 })
    await clock.advance(1_000)
    expect(await ask(asker, server)).toMatchObject({ wait: 0 })
  })

  it('is not kept away for days by whoever it asks', async () => {
    const [asker] = await peers(1) as [Peer]
    const server = await createPeer({ network, clock })
    const { encodeAnswer } = await import('../src/message.ts')
    await server.context.ports.rpc.handle('/peerweave/exchange/1.0.0', async body => {
      return encodeAnswer({ id: decodeRequest(body)?.id ?? new Uint8Array(), entries: [], hasMore: false, wait: limits.ttlMax })
    }, { maxRequest: 8_192, timeout: 5_000 })
    await connect(asker, server)
    expect(await ask(asker, server)).toMatchObject({ wait: MAX_WAIT })
  })
})

describe('what was heard in another way', () => {
  it('is kept for those who ask, unless whoever reported it may not say it, or it is ours', async () => {
    const [server] = await peers(1) as [Peer]
    const hear = async (addresses: string[], scope: Parameters<Peer['exchange']['learn']>[1]): Promise<string> =>
      server.exchange.learn({ record: await record(1, { addresses }), ttl: 1_000, hops: 0, reporter: server.id, isAsked: false }, scope)
    expect(await hear([PRIVATE], 'public')).toBe('unfit')
    expect(await hear([LOOPBACK], 'private')).toBe('unfit')
    expect(await hear([PUBLIC, PRIVATE], 'public')).toBe('unfit')
    expect(await hear([PRIVATE], 'private')).toBe('new')
    expect(await hear([PUBLIC], 'public')).toBe('renewed')
    const ours = await opened(await recordOf(server, 1n, [PUBLIC]))
    expect(server.exchange.learn({ record: ours, ttl: 1_000, hops: 0, reporter: server.id, isAsked: false }, 'loopback')).toBe('unfit')
    expect(server.exchange.size).toBe(1)
  })
})

describe('the options', () => {
  it.each([
    [{ hops: 0 }, /^hops must be a whole number from 1 to 16/],
    [{ hops: 17 }, /^hops/],
    [{ hops: 1.5 }, /^hops/],
    [{ prefix: 'A b' }, /^prefix must be/],
    [{ want: 3 }, /^exchange has no option "want"/]
  ])('%o is a wrong one', async (options, message) => {
    const { context } = await createPeer({ network, clock })
    expect(() => exchange(context, { sight: () => {}, drop: () => {}, rng: seededRng(1), ...options as object })).toThrow(message)
    expect(() => exchange(context, { sight: () => {}, drop: () => {}, ...options as object })).toThrow(TypeError)
  })
})
