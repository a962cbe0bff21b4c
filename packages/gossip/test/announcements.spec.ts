/** What becomes of each kind of message on the topic. */
import { exchange } from '@peerweave/exchange'
import { dropCounter, limits, names, type Verdict } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { encodeAnnouncement } from '../src/message.ts'
import { announcement, claimsOf, createNet, peer, peerKey, sealed, type Member, type Net } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const ADDRESS = '/ip4/10.0.9.1/tcp/4001'

interface World {
  net: Net
  member: Member
  /** A neighbour that hands us messages. */
  via: PeerId
}

async function create (options?: Parameters<Net['member']>[0]): Promise<World> {
  const net = createNet()
  const member = await net.member(options)
  const neighbour = await net.listener()
  await net.connect(neighbour, member)
  await net.until(() => neighbour.heard.length > 0)
  return { net, member, via: neighbour.self }
}

/** With one byte of the signature, which comes last, changed. */
async function forged (number: number): Promise<Uint8Array> {
  const bytes = await announcement(number, 1n, ADDRESS)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  return bytes
}

/** An envelope of another kind under a good signature: it says nothing of addresses. */
async function otherKind (number: number): Promise<Uint8Array> {
  const bytes = await announcement(number, 1n, ADDRESS)
  const at = Buffer.from(bytes).indexOf(Buffer.from([0x03, 0x01]))
  bytes[at + 1] = 2
  return bytes
}

describe('an announcement', () => {
  it('is its author\'s word and claimed by way of the neighbour that handed it on, with his record', async () => {
    const { member, via } = await create()
    const data = await announcement(1, 7n, ADDRESS)
    expect(await member.deliver({ data, from: await peer(1), via })).toBe('accept')
    const [claim] = claimsOf(member.said, await peer(1))
    expect(claim).toMatchObject({ ttl: 1_200_000, signedPeerRecord: await sealed(1, 7n, ADDRESS) })
    expect(claim?.multiaddrs.map(String)).toEqual([ADDRESS])
    expect([claim?.reporter?.peer?.equals(via), claim?.reporter?.remoteAddr?.toString()]).toEqual([true, '/ip4/10.0.0.2/tcp/4001'])
  })

  it.each<[why: string, verdict: Verdict, counted: string, data: () => Promise<Uint8Array> | Uint8Array]>([
    ['is nothing', 'reject', 'malformed', () => new Uint8Array()],
    ['is no protobuf', 'reject', 'malformed', () => Uint8Array.of(0xff)],
    ['has a number where the record is', 'reject', 'malformed', () => Uint8Array.of(0x08, 1)],
    ['is cut off', 'reject', 'malformed', async () => (await announcement(1, 1n, ADDRESS)).slice(0, -1)],
    ['is larger than any may be', 'reject', 'malformed', async () => Buffer.concat([await announcement(1, 1n, ADDRESS), Buffer.of(0x7a, 0x80, 0x20), Buffer.alloc(4_096)])],
    ['has no record in it', 'reject', 'not-its-own', () => encodeAnnouncement(new Uint8Array(100))],
    ['is of another peer', 'reject', 'not-its-own', () => announcement(2, 1n, ADDRESS)],
    ['has a forged signature', 'reject', 'bad-record', () => forged(1)],
    ['has another kind of record in it', 'reject', 'not-its-own', () => otherKind(1)]
  ])('goes nowhere when it %s', async (_why, verdict, counted, data) => {
    const { member, via } = await create()
    expect(await member.deliver({ data: await data(), from: await peer(1), via })).toBe(verdict)
    expect(claimsOf(member.said, await peer(1))).toEqual([])
    expect(member.gossip.status().dropped).toEqual({ [counted]: 1 })
  })

  it('of the largest size is read, and has room for fields of a later version', async () => {
    const { member, via } = await create()
    const data = await announcement(1, 1n, ADDRESS)
    const more = limits.gossipMessageBytes - data.length - 3
    const field = Buffer.concat([Buffer.of(0x7a, more & 0x7f | 0x80, more >> 7), Buffer.alloc(more)])
    expect(await member.deliver({ data: Buffer.concat([data, field]), from: await peer(1), via })).toBe('accept')
    expect(claimsOf(member.said, await peer(1))).toHaveLength(1)
  })

  it('that is not newer than the last one is no news, and blames nobody', async () => {
    const { member, via } = await create()
    const from = await peer(1)
    expect(await member.deliver({ data: await announcement(1, 7n, ADDRESS), from, via })).toBe('accept')
    for (const seq of [7n, 6n]) expect(await member.deliver({ data: await announcement(1, seq, ADDRESS), from, via })).toBe('ignore')
    expect(await member.deliver({ data: await announcement(1, 8n, ADDRESS), from, via })).toBe('accept')
    expect(claimsOf(member.said, from)).toHaveLength(2)
    expect(member.gossip.status().dropped).toEqual({ 'old-record': 2 })
  })

  it('that was replayed does not bring back who has gone', async () => {
    const { member, via } = await create()
    const from = await peer(1)
    await member.deliver({ data: await announcement(1, 7n, ADDRESS), from, via })
    expect(await member.deliver({ data: await announcement(1, 8n), from, via })).toBe('accept')
    expect(await member.deliver({ data: await announcement(1, 7n, ADDRESS), from, via })).toBe('ignore')
    expect(member.claimed()).toEqual([])
  })

  it('that was overtaken by a goodbye over exchange does not bring him back either', async () => {
    const { net, member, via } = await create()
    const leaver = await net.listener({ privateKey: await peerKey(1) })
    await net.connect(leaver, member)
    // He never was on the topic, so what is heard of him there is the first.
    const { drop } = dropCounter()
    await exchange(leaver.context, { sight: () => {}, drop, clock: net.clock }).push(member.self, await sealed(1, 9n))
    expect(await member.deliver({ data: await announcement(1, 8n, ADDRESS), from: leaver.self, via })).toBe('accept')
    expect(member.claimed()).toEqual([])
    expect(member.gossip.status().dropped).toEqual({ 'old-record': 1 })
    await member.deliver({ data: await announcement(1, 10n, ADDRESS), from: leaver.self, via })
    expect(member.claimed()).toEqual([`${leaver.self} by ${via}`])
  })

  it('of ours that comes round is no news', async () => {
    const net = createNet()
    const member = await net.member({}, { privateKey: await peerKey(1) })
    const [neighbour, from] = [await peer(2), await peer(1)]
    expect(await member.deliver({ data: await announcement(1, 2n ** 60n, ADDRESS), from, via: neighbour })).toBe('ignore')
    expect([member.said, member.gossip.status().dropped]).toEqual([[], {}])
  })

  it('of a peer beyond those that a neighbour may make us claim takes the place of another, or is none', async () => {
    const { member, via } = await create({ maxPeers: 3 })
    for (let number = 1; number <= 8; number++) {
      await member.deliver({ data: await announcement(number, 1n, ADDRESS), from: await peer(number), via })
    }
    expect(member.claimed().filter(key => key.endsWith(`by ${via}`))).toHaveLength(3)
    const withdrawn = member.said.filter(({ kind }) => kind === 'withdraw').length
    expect(withdrawn + (member.gossip.status().dropped['source-full'] ?? 0)).toBe(5)
  })

  it('of another network is another topic', async () => {
    const net = createNet()
    const [ours, theirs] = [await net.member(), await net.member({ prefix: 'other' })]
    await net.connect(ours, theirs)
    await net.clock.advance(60_000)
    expect([ours.said, theirs.said]).toEqual([[], []])
    expect(names('other').topics.peers).not.toBe(names().topics.peers)
  })
})
