/** The DNS-SD form as others meet it: on a link in memory and in virtual time. */
import type { Sighting } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { encode, type Answer, type Packet, type RecordType } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { clock, link, startPeer, useMemoryLan } from './memory-lan.ts'
import { claimsOf, withdrawalsOf, type Peer } from './support.ts'
import type { MdnsOptions, MdnsServiceOptions } from '../src/index.ts'

const ME = '192.168.7.1'
const OTHER = '192.168.7.2'
const PORT = 5353
const TYPE = '_olocus._tcp.local'
const META = '_services._dns-sd._udp.local'
/** Names are ours after 250 ms of chance and three times 250 ms of probing. */
const PROBED = 1_000

useMemoryLan()

async function startService (address: string, service: Partial<MdnsServiceOptions> = {}, options: MdnsOptions = {}, own?: string[]): Promise<Peer> {
  return await startPeer(address, { libp2p: false, service: { type: '_olocus._tcp', ...service }, ...options }, own)
}

type Section = 'answers' | 'additionals' | 'authorities'

/** What was said in `sections` since `since`, in short. */
function said (from: string, since = 0, sections: Section[] = ['answers']): string[] {
  return link.seen.filter(seen => seen.from === from && seen.at >= since && (seen.packet.type === 'response' || sections.includes('authorities')))
    .flatMap(({ packet }) => sections.flatMap(section => packet[section] ?? [])).map(inShort)
}

function inShort (record: Answer): string {
  if (record.type === 'OPT') return 'OPT'
  const { name, type, flush, ttl, data } = record
  const text = type === 'SRV' ? `${data.port} ${data.target}` : type === 'TXT' ? '' : type === 'NSEC' ? data.rrtypes.join(' ') : typeof data === 'string' ? data : ''
  return `${flush ? '!' : ''}${name} ${type}${ttl === 0 ? ' gone' : ''} ${text}`.trimEnd()
}

function ask (questions: Array<[string, string]>, more: Partial<Packet> = {}, from = OTHER): void {
  link.inject(encode({ type: 'query', questions: questions.map(([name, type]) => ({ name, type: type as RecordType })), ...more }), { address: from, port: PORT })
}

function say (...answers: Answer[]): void {
  link.inject(encode({ type: 'response', answers }), { address: OTHER, port: PORT })
}

const srvOfAnother = (name: string): Answer => ({ name, type: 'SRV', ttl: 120, flush: true, data: { port: 9, target: 'elsewhere.local' } })

describe('announcing a service', () => {
  it('probes three times, then announces pointers, service, text and host, the unique ones to replace what was known', async () => {
    const { id } = await startService(ME, { name: 'Kitchen', host: 'oven', subtypes: ['printer'], text: { txtvers: '1', paper: 'A4' }, protocols: ['/a/1'] })
    await clock.advance(PROBED)
    const probes = link.queries(ME).filter(({ packet }) => packet.authorities?.length !== 0)
    expect(probes.map(({ packet }) => packet.questions?.map(({ name, type }) => `${name} ${type}`))).toEqual(
      [1, 2, 3].map(() => [`Kitchen.${TYPE} ANY`, 'oven.local ANY'])
    )
    expect(probes[0]?.at).toBeLessThan(250)
    expect(probes.slice(1).map(({ at }, i) => at - probes[i]!.at)).toEqual([250, 250])
    expect(probes[0]?.packet.authorities?.map(inShort)).toEqual([`Kitchen.${TYPE} SRV 4001 oven.local`, `Kitchen.${TYPE} TXT`, `oven.local A ${ME}`])
    const [announced] = link.responses(ME)
    expect(announced!.at).toBe(probes[2]!.at + 250)
    expect(announced!.packet.answers?.map(inShort)).toEqual([
      `${TYPE} PTR Kitchen.${TYPE}`,
      `printer._sub.${TYPE} PTR Kitchen.${TYPE}`,
      `!Kitchen.${TYPE} SRV 4001 oven.local`,
      `!Kitchen.${TYPE} TXT`,
      `!oven.local A ${ME}`
    ])
    const text = announced!.packet.answers?.find(({ type }) => type === 'TXT') as { data: Buffer[] }
    expect(text.data.map(String)).toEqual(['txtvers=1', 'paper=A4', `peer_id=${id}`, 'protocol=/a/1', `addr=/ip4/${ME}/tcp/4001`])
    await clock.advance(10_000)
    expect(link.responses(ME).map(({ at }) => at - announced!.at)).toEqual([0, 1_000, 3_000])
  })

  it('answers for the service, its subtypes, what a name holds, the list of services, and says what is not there', async () => {
    await startService(ME, { name: 'Kitchen', host: 'oven', subtypes: ['printer'] })
    await clock.advance(10_000)
    const answersTo = async (name: string, type: string): Promise<string[]> => {
      const since = clock.now()
      ask([[name, type]], {}, `192.168.7.${10 + since / 10_000}`)
      await clock.advance(10_000)
      return said(ME, since, ['answers', 'additionals'])
    }
    const host = [`!oven.local A ${ME}`]
    const resolved = [`!Kitchen.${TYPE} SRV 4001 oven.local`, `!Kitchen.${TYPE} TXT`, ...host, `!Kitchen.${TYPE} NSEC TXT SRV`, '!oven.local NSEC A']
    expect(await answersTo(TYPE.toUpperCase(), 'PTR')).toEqual([`${TYPE} PTR Kitchen.${TYPE}`, ...resolved])
    expect(await answersTo(`printer._sub.${TYPE}`, 'PTR')).toEqual([`printer._sub.${TYPE} PTR Kitchen.${TYPE}`, ...resolved])
    expect(await answersTo(`kitchen.${TYPE}`, 'SRV')).toEqual([`!Kitchen.${TYPE} SRV 4001 oven.local`, ...host])
    expect(await answersTo(`kitchen.${TYPE}`, 'ANY')).toEqual([`!Kitchen.${TYPE} SRV 4001 oven.local`, `!Kitchen.${TYPE} TXT`, ...host])
    expect(await answersTo(META, 'PTR')).toEqual([`${META} PTR ${TYPE}`])
    expect(await answersTo('oven.local', 'AAAA')).toEqual(['!oven.local NSEC A'])
    expect(await answersTo(`bedroom.${TYPE}`, 'SRV')).toEqual([])
    expect(await answersTo('_other._tcp.local', 'PTR')).toEqual([])
  })

  it('does not answer who knows the answer, also when that comes in packets of its own', async () => {
    await startService(ME, { name: 'Kitchen' })
    await clock.advance(10_000)
    const known: Answer = { name: TYPE, type: 'PTR', ttl: 60, data: `kitchen.${TYPE}` }
    let since = clock.now()
    ask([[TYPE, 'PTR']], { answers: [known] })
    await clock.advance(2_000)
    expect(said(ME, since)).toEqual([])
    ask([[TYPE, 'PTR']], { flags: 1 << 9 })
    await clock.advance(100)
    ask([], { answers: [known] })
    await clock.advance(2_000)
    expect(said(ME, since)).toEqual([])
    since = clock.now()
    ask([[TYPE, 'PTR']], { flags: 1 << 9 })
    await clock.advance(399)
    expect(said(ME, since)).toEqual([])
    await clock.advance(1_000)
    expect(said(ME, since)).toEqual([`${TYPE} PTR Kitchen.${TYPE}`])
  })

  it('answers one asker by unicast when it asks for that, unless nobody was told for a quarter of the TTL', async () => {
    await startService(ME, { name: 'Kitchen' })
    await clock.advance(10_000)
    const unicastQuestion = (): void => {
      const message = encode({ type: 'query', questions: [{ name: TYPE, type: 'PTR' }] })
      message.writeUInt16BE(0x8001, message.length - 2)
      link.inject(message, { address: OTHER, port: PORT })
    }
    unicastQuestion()
    await clock.advance(1_000)
    expect(link.responses(ME).at(-1)?.to).toBe(OTHER)
    await clock.advance(30_000)
    unicastQuestion()
    await clock.advance(1_000)
    expect(link.responses(ME).at(-1)?.to).toBeUndefined()
  })

  it('tells one asker by unicast once a second, and all together no more than a flood of made-up ones deserves', async () => {
    await startService(ME, { name: 'Kitchen' })
    await clock.advance(10_000)
    const before = link.responses(ME).length
    const message = encode({ type: 'query', questions: [{ name: TYPE, type: 'PTR' }] })
    message.writeUInt16BE(0x8001, message.length - 2)
    for (let i = 0; i < 40; i++) {
      link.inject(message, { address: OTHER, port: PORT })
      await clock.advance(50)
    }
    expect(link.responses(ME).length - before).toBe(2)
    for (let i = 0; i < 1_000; i++) {
      link.inject(message, { address: `192.168.7.${3 + i % 250}`, port: PORT })
      await clock.advance(10)
    }
    expect(link.responses(ME).length - before).toBeLessThanOrEqual(2 + 64 + 10 * 8)
  })

  it('forgets a question about what it is not any more', async () => {
    const me = await startService(ME, { name: 'Kitchen' })
    await clock.advance(10_000)
    ask([[TYPE, 'PTR']], { flags: 1 << 9 })
    await clock.advance(10)
    me.setAddresses()
    const since = clock.now()
    await clock.advance(2_000)
    expect(said(ME, since).filter(text => !text.includes('gone'))).toEqual([])
  })

  it('announces a changed address and text in place of the old ones', async () => {
    const me = await startService(ME, { name: 'Kitchen' })
    const other = await startService(OTHER)
    await clock.advance(10_000)
    me.setAddresses(`/ip4/${ME}/tcp/4002`)
    await clock.advance(2_500)
    expect(claimsOf(other.events, me.id).at(-1)?.multiaddrs.map(String)).toEqual([`/ip4/${ME}/tcp/4002`])
    expect(withdrawalsOf(other.events, me.id).map(({ multiaddrs }) => multiaddrs?.map(String))).toEqual([[`/ip4/${ME}/tcp/4001`]])
  })

  it('says goodbye to all of it but the host, which may have other services, and is withdrawn a second later', async () => {
    const me = await startService(ME, { name: 'Kitchen', host: 'oven' })
    const other = await startService(OTHER)
    await clock.advance(10_000)
    const since = clock.now()
    await me.leave()
    expect(said(ME, since)).toEqual([
      `${TYPE} PTR gone Kitchen.${TYPE}`, `!Kitchen.${TYPE} SRV gone 4001 oven.local`, `!Kitchen.${TYPE} TXT gone`
    ])
    await clock.advance(1_500)
    expect(withdrawalsOf(other.events, me.id).map(({ multiaddrs }) => multiaddrs)).toEqual([undefined])
  })

  it('announces nothing without a port to reach it at', async () => {
    await startService(ME, {}, {}, [`/ip4/${ME}/udp/4001/quic-v1`])
    await clock.advance(10_000)
    expect([...said(ME), ...link.queries(ME).filter(({ packet }) => packet.authorities?.length !== 0)]).toEqual([])
  })
})

describe('a name that somebody else has', () => {
  it('is given up for the next one', async () => {
    await startService(ME, { name: 'Kitchen', host: 'oven' })
    await clock.advance(300)
    say(srvOfAnother(`kitchen.${TYPE}`))
    await clock.advance(400)
    say({ name: 'oven.local', type: 'A', ttl: 120, data: '192.168.7.99' })
    await clock.advance(PROBED)
    expect(said(ME)).toEqual([
      `${TYPE} PTR Kitchen (2).${TYPE}`, `!Kitchen (2).${TYPE} SRV 4001 oven-2.local`, `!Kitchen (2).${TYPE} TXT`, `!oven-2.local A ${ME}`
    ])
  })

  it('goes to one of two that probe for it at once', async () => {
    const peers = [await startService(ME, { name: 'Kitchen' }), await startService(OTHER, { name: 'Kitchen' })]
    await clock.advance(5_000)
    const names = [ME, OTHER].map(from => said(from).find(text => text.includes(' PTR ')) ?? '').sort((a, b) => a < b ? -1 : 1)
    expect(names).toEqual([`${TYPE} PTR Kitchen (2).${TYPE}`, `${TYPE} PTR Kitchen.${TYPE}`])
    expect(peers.map(({ events }, i) => claimsOf(events, peers[1 - i]!.id).length > 0)).toEqual([true, true])
  })

  it('is defended against who probes for it, and kept when another says it has it and does not defend it', async () => {
    await startService(ME, { name: 'Kitchen', host: 'oven' })
    await clock.advance(10_000)
    let since = clock.now()
    ask([[`Kitchen.${TYPE}`, 'ANY']], { authorities: [srvOfAnother(`Kitchen.${TYPE}`)] })
    await clock.advance(0)
    expect(said(ME, since)).toEqual([`!Kitchen.${TYPE} SRV 4001 oven.local`, `!Kitchen.${TYPE} TXT`])
    await clock.advance(10_000)
    since = clock.now()
    say(srvOfAnother(`Kitchen.${TYPE}`))
    await clock.advance(10_000)
    expect(said(ME, since)).toContain(`!Kitchen.${TYPE} SRV 4001 oven.local`)
  })

  it('makes us wait when the conflicts do not end', async () => {
    await startService(ME, { name: 'Kitchen' })
    const probes = (): number => link.queries(ME).filter(({ packet }) => packet.authorities?.length !== 0).length
    const contest = async (ms: number): Promise<void> => {
      for (let i = 0; i < ms / 10; i++) {
        const name = link.queries(ME).at(-1)?.packet.questions?.[0]?.name ?? `Kitchen.${TYPE}`
        say(srvOfAnother(name))
        await clock.advance(10)
      }
    }
    await contest(10_000)
    const before = probes()
    await contest(60_000)
    expect(probes() - before).toBeLessThanOrEqual(60_000 / 5_000 + 1)
    expect(said(ME)).toEqual([])
  })
})

describe('finding a service', () => {
  it('finds another of the same type, with its protocols and text, and no other', async () => {
    const me = await startService(ME)
    const other = await startService(OTHER, { protocols: ['/a/1'], text: { paper: 'A4' } })
    const stranger = await startService('192.168.7.3', { type: '_else._tcp' })
    await clock.advance(5_000)
    const [claim] = claimsOf(me.events, other.id)
    expect(claim?.multiaddrs.map(String)).toEqual([`/ip4/${OTHER}/tcp/4001`])
    expect(claim?.protocols).toEqual(['/a/1'])
    expect([...claim?.metadata ?? []]).toEqual([['paper', 'A4']])
    expect(claimsOf(me.events, stranger.id)).toEqual([])
  })

  it('reports a service that does not say whose it is as endpoints, and lets them lapse', async () => {
    const me = await startService(ME)
    await clock.advance(5_000)
    const name = `printer.${TYPE}`
    say(
      { name: TYPE, type: 'PTR', ttl: 120, data: name },
      { name, type: 'SRV', ttl: 120, data: { port: 631, target: 'printer.local' } },
      { name, type: 'TXT', ttl: 120, data: 'paper=A4' },
      { name: 'printer.local', type: 'A', ttl: 120, data: OTHER }
    )
    await clock.advance(10)
    const endpoints = (sightings: Sighting[]): string[] => sightings.filter(({ kind }) => kind === 'endpoint').map(sighting => 'multiaddr' in sighting ? String(sighting.multiaddr) : '')
    expect(endpoints(me.events)).toEqual([`/ip4/${OTHER}/tcp/631`])
    say({ name: TYPE, type: 'PTR', ttl: 0, data: name })
    await clock.advance(5_000)
    expect(me.events.filter(({ kind }) => kind === 'withdraw')).toEqual([])
  })

  it('asks for what is missing, and hears the answer though it names no service', async () => {
    const me = await startService(ME)
    await clock.advance(5_000)
    const name = `printer.${TYPE}`
    const questions = (): string[] => link.queries(ME).flatMap(({ packet }) => packet.questions ?? []).map(({ name, type }) => `${name} ${type}`).slice(-2)
    say({ name: TYPE, type: 'PTR', ttl: 120, data: name })
    await clock.advance(10)
    expect(questions()).toEqual([`${name} SRV`, `${name} TXT`])
    say({ name, type: 'SRV', ttl: 120, data: { port: 631, target: 'printer.local' } })
    await clock.advance(1_010)
    say({ name, type: 'TXT', ttl: 120, data: 'paper=A4' })
    await clock.advance(10)
    expect(questions()).toEqual(['printer.local A', 'printer.local AAAA'])
    say({ name: 'printer.local', type: 'A', ttl: 120, data: OTHER })
    await clock.advance(10)
    expect(me.events.length).toBe(1)
  })

  it('is not made deaf by a host that is called as the service is, and goes', async () => {
    const me = await startService(ME)
    await clock.advance(5_000)
    const name = `printer.${TYPE}`
    say({ name: TYPE, type: 'PTR', ttl: 1, data: name }, { name, type: 'SRV', ttl: 1, data: { port: 631, target: '_olocus.local' } })
    await clock.advance(5_000)
    say({ name: TYPE, type: 'PTR', ttl: 0, data: name })
    await clock.advance(5_000)
    const other = await startService(OTHER)
    await clock.advance(5_000)
    expect(claimsOf(me.events, other.id).length).toBeGreaterThan(0)
  })

  it('asks for a service that is about to lapse, and keeps it when it answers', async () => {
    const me = await startService(ME, {}, { broadcast: false })
    const other = await startService(OTHER)
    await clock.advance(600_000)
    const round = Array.fromAsync(me.mechanism.discoverPeers())
    await clock.advance(1_000)
    expect(claimsOf(await round, other.id).length).toBe(1)
  })

  it.each<[string, MdnsOptions]>([['DNS-SD', {}], ['libp2p', { libp2p: true, service: undefined }]])(
    'carries a signed record in the %s form', async (_form, options) => {
      const me = await startService(ME, {}, options)
      const other = await startService(OTHER, {}, options)
      const signedPeerRecord = crypto.getRandomValues(new Uint8Array(300))
      await other.mechanism.announceSelf?.({ peerId: other.id, multiaddrs: [multiaddr(`/ip4/${OTHER}/tcp/4001`)], signedPeerRecord })
      await clock.advance(10_000)
      const claim = claimsOf(me.events, other.id).at(-1)
      expect(Buffer.from(claim?.signedPeerRecord ?? []).equals(signedPeerRecord)).toBe(true)
      expect(claim?.multiaddrs.map(String)).toEqual([`/ip4/${OTHER}/tcp/4001`])
      expect(claim?.metadata).toBeUndefined()
      expect(me.mechanism.status().dropped).toEqual({})
    }
  )

  it('works beside the libp2p form, each in packets of its own', async () => {
    const me = await startService(ME, {}, { libp2p: true })
    const other = await startService(OTHER, {}, { libp2p: true })
    await clock.advance(10_000)
    for (const { packet } of link.responses(OTHER)) {
      const pointers = new Set(packet.answers?.filter(({ type }) => type === 'PTR').map(({ name }) => name))
      expect(pointers.size).toBeLessThanOrEqual(1)
    }
    expect(claimsOf(me.events, other.id).length).toBeGreaterThanOrEqual(2)
    await other.leave()
    await clock.advance(1_500)
    expect(withdrawalsOf(me.events, other.id).some(({ multiaddrs }) => multiaddrs == null)).toBe(true)
  })
})
