/** Neighbours that mean no good: what they cost, and that the others are none the worse for them. */
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { exchange } from '@peerweave/exchange'
import { dropCounter, limits } from '@peerweave/interface'
import { systemCrypto } from '@peerweave/records'
import { expect, it } from 'vitest'
import { announcement, createNet, peer, type Member, type Net } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const VICTIM = '/ip4/10.0.66.6/tcp/4001'
const HONEST = '/ip4/10.0.7.7/tcp/4001'

/** Announcements of one address under so many ids. */
async function sybils (count: number): Promise<Array<{ from: PeerId, data: Uint8Array }>> {
  return await Promise.all(Array.from({ length: count }, async (_, i) => {
    return { from: await peer(50_000 + i), data: await announcement(50_000 + i, 1n, VICTIM) }
  }))
}

interface Watched {
  member: Member
  /** What the node asked of its surroundings. */
  verified: number
  dialled: number
}

async function watched (net: Net): Promise<Watched> {
  const counts = { verified: 0, dialled: 0 }
  const { verify, digest } = systemCrypto()
  const member = await net.member({}, {
    prepare ({ ports }) {
      const { dial } = ports.host
      ports.host.dial = async (...args) => {
        counts.dialled++
        return await dial(...args)
      }
      const crypto: typeof ports.crypto = {
        digest,
        verify: async (...args) => {
          counts.verified++
          return await verify(...args)
        }
      }
      Object.assign(ports, { crypto })
    }
  })
  return Object.assign(counts, { member })
}

it('10,000 announcements a second by one neighbour for a minute: 76 are looked at, 50 claimed, 64 kept, and the others are heard and asked as before', async () => {
  const net = createNet()
  const node = await watched(net)
  const { member } = node
  const [bad, good] = [await net.listener(), await net.member()]
  await net.connect(bad, member)
  await net.connect(good, member)
  await net.until(() => member.claimed().length > 0)
  const flood = await sybils(1_000)
  const verifiedBefore = node.verified
  const said = member.said.length

  let honest = 0
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 10_000; i++) {
      const message = flood[(second * 97 + i) % flood.length]
      if (message != null) await member.hand({ ...message, via: bad.self })
    }
    if (second % 25 === 20) {
      honest++
      const message = { from: await peer(honest), data: await announcement(honest, 1n, HONEST), via: good.self }
      expect(await member.deliver(message)).toBe('accept')
    }
    await net.clock.advance(1_000)
  }

  expect(member.gossip.status().dropped.unsolicited).toBeGreaterThanOrEqual(600_000 - limits.unsolicitedBurst - limits.unsolicitedPerMinute)
  expect(node.verified - verifiedBefore - honest).toBeLessThanOrEqual(76)
  const claims = member.claimed()
  expect(claims.filter(key => key.endsWith(`by ${bad.self}`))).toHaveLength(50)
  // So many times 50 is what a reader hears of it: no churn without end.
  expect(member.said.length - said).toBeLessThan(200)
  const { size } = exchange(member.context, { sight: () => {}, drop: dropCounter().drop })
  expect(size).toBeLessThanOrEqual(limits.exchangeUnasked + honest + 1)
  for (const number of [1, 2]) expect(claims).toContain(`${await peer(number)} by ${good.self}`)

  const newcomer = await net.member()
  await net.connect(newcomer, good)
  await net.until(() => member.claimed().includes(`${newcomer.self} by ${good.self}`))
})

it('a victim\'s address under 10,000 ids by ten neighbours: nothing is dialled', async () => {
  const net = createNet()
  const node = await watched(net)
  const { member } = node
  const bad = await Promise.all(Array.from({ length: 10 }, async () => await net.listener()))
  for (const neighbour of bad) await net.connect(neighbour, member)
  const flood = await sybils(1_000)
  for (let i = 0; i < 10_000; i++) {
    // Beyond the bursts of ten neighbours nothing is read, so the other ids need no records.
    const message = flood[i] ?? { from: idOnly(i), data: new Uint8Array(200) }
    await member.hand({ ...message, via: (bad[i % bad.length] ?? node.member).self })
  }
  await net.clock.advance(600_000)
  expect(member.claimed()).toHaveLength(10 * 50)
  expect(node.dialled).toBe(0)
})

/** Nobody has its key. */
function idOnly (number: number): PeerId {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, number)
  return peerIdFromPublicKey(publicKeyFromRaw(bytes))
}

it('an author who is known is heard by way of a neighbour whose allowance strangers used up', async () => {
  const net = createNet()
  const member = await net.member()
  const relay = await net.listener()
  await net.connect(relay, member)
  const hear = async (number: number, seq: bigint): Promise<string> => {
    return await member.deliver({ from: await peer(number), data: await announcement(number, seq, HONEST), via: relay.self })
  }
  expect(await hear(1, 1n)).toBe('accept')
  await net.clock.advance(limits.gossipAuthorAge)
  for (const message of await sybils(limits.unsolicitedBurst + 1)) await member.hand({ ...message, via: relay.self })
  await net.clock.advance(2_000) // so many signatures of one neighbour are verified a second
  expect([await hear(2, 1n), await hear(1, 2n)]).toEqual(['ignore', 'accept'])
})

it('of what a neighbour may hand on, authors who repeat themselves leave room for goodbyes', async () => {
  const net = createNet()
  const member = await net.member()
  const relay = await net.listener()
  await net.connect(relay, member)
  const hear = async (number: number, seq: bigint, ...addresses: string[]): Promise<string> => {
    return await member.hand({ from: await peer(number), data: await announcement(number, seq, ...addresses), via: relay.self })
  }
  expect(await hear(1, 1n, HONEST)).toBe('accept')
  let repeats = 0
  for (let seq = 2n; await hear(1, seq, HONEST) === 'accept'; seq++) repeats++
  expect(repeats).toBe(limits.unsolicitedBurst - 1 - limits.gossipGoodbyes)
  expect(await hear(1, 1_000n)).toBe('accept')
  await net.clock.advance(1_000) // so many signatures of one neighbour are verified a second
  for (let i = 0; i < limits.gossipGoodbyes - 1; i++) expect(await hear(100 + i, 1n, HONEST)).toBe('accept')
  expect(await hear(200, 1n, HONEST)).toBe('ignore')
})
