import { dropCounter, limits } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { decode } from 'dns-packet'
import { beforeAll, describe, expect, it } from 'vitest'
import { MAX_TTL } from '../src/constants.ts'
import { parseAnswer, type ParsedAnswer } from '../src/answer.ts'
import { fitsTxt, libp2pPresence } from '../src/libp2p-presence.ts'
import { createPeerId, LAN, records, response, SERVICE } from './support.ts'
import type { PeerId } from '@libp2p/interface'
import type { Answer } from 'dns-packet'
import type { ResponseOutgoingPacket } from 'multicast-dns'
import type { Presence } from '../src/record-set.ts'

let a: PeerId
let b: PeerId

beforeAll(async () => {
  a = await createPeerId()
  b = await createPeerId()
})

interface Read extends ParsedAnswer {
  dropped: Record<string, number>
}

function read (answers: Answer[], additionals: Answer[] = []): Read {
  const { dropped, drop } = dropCounter()
  const parsed = parseAnswer({ answers: decoded(answers), additionals: decoded(additionals) }, { serviceTag: SERVICE, drop })
  return { ...parsed, dropped }
}

/** As they come off the wire. */
function decoded (answers: Answer[]): Answer[] {
  return decode(response(...answers)).answers ?? []
}

function plain ({ present }: ParsedAnswer): Array<[string, string, string[], number]> {
  return present.map(({ instance, peerId, multiaddrs, ttl }) => [instance, String(peerId), multiaddrs.map(String), ttl])
}

const pointer = (name: string): Answer => ({ name, type: 'PTR', ttl: 120, data: 'one.elsewhere.local' })
const at = (id: PeerId, port = 1): string => `/ip4/192.168.7.2/tcp/${port}/p2p/${id}`

describe('reading an answer', () => {
  it('keeps several peers of one packet apart', () => {
    const result = read([...records('one', [at(a, 1), at(a, 2)]), ...records('two', [at(b, 3)], { ttl: 60 })])
    expect(plain(result)).toEqual([
      [`one.${SERVICE}`, String(a), ['/ip4/192.168.7.2/tcp/1', '/ip4/192.168.7.2/tcp/2'], 120_000],
      [`two.${SERVICE}`, String(b), ['/ip4/192.168.7.2/tcp/3'], 60_000]
    ])
    expect(result.dropped).toEqual({})
  })

  it('reads TXT records from the additional section, where the spec wants them', () => {
    const [ptr, ...txts] = records('one', [at(a)])
    expect(plain(read([ptr!], txts))).toEqual(plain(read([ptr!, ...txts])))
  })

  it('reads several strings of one TXT record, and leaves those that are not addresses alone', () => {
    const name = `one.${SERVICE}`
    const result = read([{ name, type: 'TXT', ttl: 120, data: [`dnsaddr=${at(a, 1)}`, 'version=1', `dnsaddr=${at(a, 2)}`, ''] }])
    expect(plain(result)).toEqual([[name, String(a), ['/ip4/192.168.7.2/tcp/1', '/ip4/192.168.7.2/tcp/2'], 120_000]])
    expect(result.dropped).toEqual({})
  })

  it.each<[string, string, Answer[], boolean]>([
    ['without PTR, its name below the service', `one.${SERVICE}`, [], true],
    ['without PTR, its name elsewhere', 'one._http._tcp.local', [], false],
    ['its name elsewhere, and pointed to', 'one.elsewhere.local', [pointer(SERVICE)], true],
    ['pointed to from elsewhere', 'one.elsewhere.local', [pointer('_http._tcp.local')], false],
    ['in other letters', `One.${SERVICE.toUpperCase()}`, [], true]
  ])('counts a TXT %s', (_what, name, others, counts) => {
    const result = read([...others, { name, type: 'TXT', ttl: 120, data: `dnsaddr=${at(a)}` }])
    expect(result.present.length).toBe(counts ? 1 : 0)
    expect(result.dropped).toEqual({})
  })

  it('drops a name that claims two ids: nobody knows whose the rest is', () => {
    const result = read([...records('one', [at(a), at(b)]), ...records('two', [at(b)])])
    expect(result.present.map(({ instance }) => instance)).toEqual([`two.${SERVICE}`])
    expect(result.dropped).toEqual({ 'mixed-ids': 1 })
  })

  it.each([
    ['no multiaddr', 'no-such-thing', 'bad-address'],
    ['an empty one', '', 'no-peer-id'],
    ['no id', '/ip4/192.168.7.2/tcp/1', 'no-peer-id'],
    ['an id that is not at the end', '/ip4/192.168.7.2/tcp/1/p2p/ID/p2p-circuit', 'no-peer-id'],
    ['nothing but an id', '/p2p/ID', 'no-peer-id'],
    ['a broken id', '/ip4/192.168.7.2/tcp/1/p2p/xyz', 'bad-address'],
    ['too many components', `${'/tcp/1'.repeat(10)}/p2p/ID`, 'address-too-long']
  ])('drops and counts an address with %s, and keeps the others', (_what, text, reason) => {
    const result = read(records('one', [text.replace('ID', String(a)), at(a)]))
    expect(plain(result).map(([, , addresses]) => addresses)).toEqual([['/ip4/192.168.7.2/tcp/1']])
    expect(result.dropped).toEqual({ [reason]: 1 })
  })

  it('takes the last id of a relayed address, and keeps the relay’s', () => {
    const result = read(records('one', [`/ip4/192.168.7.9/tcp/1/p2p/${b}/p2p-circuit/p2p/${a}`]))
    expect(plain(result)).toEqual([[`one.${SERVICE}`, String(a), [`/ip4/192.168.7.9/tcp/1/p2p/${b}/p2p-circuit`], 120_000]])
  })

  it.each([[16, false], [17, true]])('of %i addresses of a peer keeps the first 16', (count, isMore) => {
    const result = read(records('one', Array.from({ length: count }, (_, i) => at(a, i + 1))))
    expect(result.present[0]?.multiaddrs.length).toBe(limits.addressesPerClaim)
    expect(result.dropped).toEqual(isMore ? { 'too-many-addresses': 1 } : {})
  })

  it('parses at most 64 strings of a packet', () => {
    const data = Array.from({ length: 100 }, () => 'dnsaddr=/')
    const result = read([{ name: `one.${SERVICE}`, type: 'TXT', ttl: 120, data }])
    expect(result.dropped).toEqual({ 'too-many-addresses': 1, 'no-peer-id': 64 })
  })

  it('clamps a TTL that nobody could mean', () => {
    expect(read(records('one', [at(a)], { ttl: 0xffff_ffff })).present[0]?.ttl).toBe(MAX_TTL)
  })

  it('hears a bounded number of goodbyes of one packet', () => {
    const { departed, dropped } = read(Array.from({ length: 32 }, (_, i) => records(`p${i}`, [], { ttl: 0 })[0]!))
    expect(departed).toHaveLength(limits.mdnsGoodbyes)
    expect(dropped).toEqual({ 'too-many-goodbyes': 1 })
  })

  it('reads a goodbye to a name, and to single addresses', () => {
    expect(read(records('one', [at(a)], { ttl: 0 }))).toEqual({ present: [], departed: [{ instance: `one.${SERVICE}` }], dropped: {} })
    const [, txt] = records('one', [at(a)], { ttl: 0 })
    const { present, departed } = read([txt!, ...records('one', [at(a, 2)])])
    expect(present.length).toBe(1)
    expect(departed.map(({ multiaddrs }) => multiaddrs?.map(String))).toEqual([['/ip4/192.168.7.2/tcp/1']])
  })
})

describe('writing an answer', () => {
  const presence = (ports: number[]): Presence | undefined => libp2pPresence({
    serviceTag: SERVICE, peerName: 'me', ttlSeconds: 120, link: LAN, addresses: ports.map(port => multiaddr(at(a, port)))
  })
  const types = (packets: ResponseOutgoingPacket[] = []): string[][] => packets.map(({ answers }) => answers.map(({ type }) => type))

  it('is read as it was meant', () => {
    const ports = Array.from({ length: 30 }, (_, i) => i + 1)
    const { pack, announced } = presence(ports)!
    const packets = pack(announced)
    expect(packets.length).toBeGreaterThan(1)
    const found = packets.flatMap(({ answers }) => plain(read(answers)))
    expect(found.flatMap(([, , multiaddrs]) => multiaddrs)).toEqual(ports.map(port => at(a, port).replace(/\/p2p\/.*/, '')))
    expect(new Set(found.map(([instance]) => instance))).toEqual(new Set([`me.${SERVICE}`]))
  })

  it('says goodbye so that @libp2p/mdns does not take it for a peer: never PTR and TXT together', () => {
    expect(types(presence([1, 2])?.farewell())).toEqual([['PTR']])
    expect(types(presence([1, 2])?.farewell(presence([2])))).toEqual([['TXT', 'SRV']])
    expect(types(presence([1])?.farewell(presence([1, 2])))).toEqual([])
  })

  it('has a PTR of ours in each packet with TXT records, and of nobody else’s: @libp2p/mdns takes the last one for the peer', () => {
    const { pack, sets } = presence([1])!
    const mixed = types(pack(sets)).filter(packet => packet.includes('TXT'))
    expect(mixed).toEqual([['PTR', 'TXT']])
  })

  it.each([[255, true], [256, false]])('puts an address into a string of %i bytes: %s', (bytes, fits) => {
    const frame = `dnsaddr=/dns4//tcp/1/p2p/${a}`.length
    expect(fitsTxt(multiaddr(`/dns4/${'a'.repeat(bytes - frame)}/tcp/1/p2p/${a}`))).toBe(fits)
  })
})
