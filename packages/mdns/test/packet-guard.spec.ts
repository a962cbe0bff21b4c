import { dropCounter, limits, virtualClock, type VirtualClock } from '@peerweave/interface'
import { encode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { Interest } from '../src/interest.ts'
import { packetGuard } from '../src/packet-guard.ts'
import { query, records, response, SERVICE } from './support.ts'
import type { Link } from '../src/links.ts'

const LAN: Link = link('192.168.7.1', 24)
const LOOPBACK: Link = link('127.0.0.1', 8)
const PORT = 5353

interface Guard {
  clock: VirtualClock
  dropped: Record<string, number>
  passes: (packet: Uint8Array, address?: string, port?: number) => boolean
}

function link (address: string, prefix: number): Link {
  return {
    key: 'eth0/IPv4',
    name: 'eth0',
    family: 'IPv4',
    address,
    subnets: [{ address, prefix }],
    addresses: [address],
    isLoopback: false
  }
}

function guard (link: Link = LAN, label = '_p2p', isKnown: (address: string) => boolean = () => false): Guard {
  const clock = virtualClock()
  const { dropped, drop } = dropCounter()
  const mayPass = packetGuard({ link, port: PORT, interest: new Interest([label]), isKnown, clock, drop })
  return { clock, dropped, passes: (packet, address = '192.168.7.2', port = PORT) => mayPass(packet, { address, port }) }
}

/** A header alone, then zeros. */
function packet (length: number, counts: [number, number, number, number], flags = 0x8400): Buffer {
  const bytes = Buffer.alloc(length)
  bytes.writeUInt16BE(flags, 2)
  counts.forEach((count, i) => bytes.writeUInt16BE(count, 4 + 2 * i))
  return bytes
}

describe('the packet guard', () => {
  it('lets honest queries and answers pass', () => {
    const { passes, dropped } = guard()
    expect(passes(query())).toBe(true)
    expect(passes(response(...records('peer', ['/ip4/192.168.7.2/tcp/1/p2p/x'])))).toBe(true)
    expect(dropped).toEqual({})
  })

  it.each([
    ['the longest', packet(9_000, [0, 0, 0, 0]), undefined],
    ['one byte longer', packet(9_001, [0, 0, 0, 0]), 'packet-too-long'],
    ['the shortest', packet(12, [0, 0, 0, 0]), undefined],
    ['one byte shorter', packet(12, [0, 0, 0, 0]).subarray(1), 'bad-header'],
    ['nothing', Buffer.alloc(0), 'bad-header'],
    ['as many records as there may be', packet(4_000, [16, 16, 16, 16]), undefined],
    ['one more', packet(4_000, [16, 16, 16, 17]), 'bad-header'],
    ['as many as fit', packet(12 + 3 * 5, [1, 1, 1, 0]), undefined],
    ['one more than fits', packet(12 + 3 * 5 - 1, [1, 1, 1, 0]), 'bad-header'],
    ['12 bytes that claim 4 × 65,535', packet(12, [65_535, 65_535, 65_535, 65_535]), 'bad-header'],
    ['another opcode', packet(12, [0, 0, 0, 0], 0x8c00), 'bad-header'],
    ['a response code', packet(12, [0, 0, 0, 0], 0x8403), 'bad-header']
  ])('looks at the shape: %s', (_name, bytes, reason) => {
    const { passes, dropped } = guard()
    passes(bytes)
    expect(dropped).toEqual(reason === undefined ? {} : { [reason]: 1 })
  })

  it('drops a chain of name pointers, which costs a decoder thousands of steps a record', () => {
    const { passes, dropped } = guard()
    passes(pointerChain(64))
    expect(dropped).toEqual({})
    passes(pointerChain(65))
    expect(dropped).toEqual({ 'pointer-chain': 1 })
  })

  it('takes an honest answer with as many compressed names as there may be records', () => {
    const { passes } = guard(LAN, 'a')
    const plain = encode({ type: 'response', answers: [{ name: 'a.b.c.d', type: 'TXT', ttl: 1, data: '' }] })
    const head = plain.subarray(0, 12 + 9)
    // Each further name is "a" and a pointer to "b.c.d".
    const rest = Buffer.from([1, 0x61, 0xc0, 14, 0, 16, 0, 1, 0, 0, 0, 1, 0, 2, 1, 0x78])
    const bytes = Buffer.concat([plain.subarray(0, head.length), plain.subarray(head.length), ...Array.from({ length: 63 }, () => rest)])
    bytes.writeUInt16BE(64, 6)
    expect(passes(bytes)).toBe(true)
  })

  it('leaves what another link of ours hears to that one, and does not count it', () => {
    const { dropped, drop } = dropCounter()
    const other: Link = { ...LAN, key: 'eth1/IPv4', name: 'eth1', address: '10.9.0.1', subnets: [{ address: '10.9.0.1', prefix: 16 }] }
    const mayPass = packetGuard({
      link: LAN, port: PORT, interest: new Interest(['_p2p']), isKnown: () => false, otherLinks: () => [LAN, other], clock: virtualClock(), drop
    })
    expect(mayPass(query(), { address: '10.9.8.7', port: PORT })).toBe(false)
    expect(mayPass(Buffer.alloc(5), { address: '10.9.8.7', port: PORT })).toBe(false)
    expect(dropped).toEqual({})
    expect(mayPass(query(), { address: '10.10.0.1', port: PORT })).toBe(false)
    expect(dropped).toEqual({ 'off-link': 1 })
    expect(mayPass(query(), { address: '192.168.7.2', port: PORT })).toBe(true)
  })

  it('drops what does not come from the mDNS port', () => {
    const { passes, dropped } = guard()
    expect(passes(query(), '192.168.7.2', 43_345)).toBe(false)
    expect(dropped).toEqual({ 'wrong-port': 1 })
  })

  it.each([
    [LAN, '192.168.7.254', true],
    [LAN, '192.168.8.1', false],
    [LAN, '127.0.0.1', false],
    [LAN, '8.8.8.8', false],
    [LAN, 'fe80::1', false],
    [LOOPBACK, '127.0.0.2', true],
    [LOOPBACK, '192.168.7.2', false]
  ])('on %o lets %s pass: %s', (link, address, isOnLink) => {
    const { passes, dropped } = guard(link)
    expect(passes(query(), address)).toBe(isOnLink)
    expect(dropped['off-link'] ?? 0).toBe(isOnLink ? 0 : 1)
  })

  describe('over IPv6', () => {
    const lan: Link = {
      key: 'eth0/IPv6',
      name: 'eth0',
      family: 'IPv6',
      address: 'fe80::1',
      subnets: [{ address: 'fe80::1', prefix: 64 }, { address: 'fd00:7::1', prefix: 64 }],
      addresses: ['192.168.7.1', 'fe80::1', 'fd00:7::1'],
      isLoopback: false
    }
    const loopback: Link = { ...lan, name: 'lo', address: '::1', subnets: [{ address: '::1', prefix: 128 }], isLoopback: true }
    const zone = process.platform === 'win32' ? '0' : 'eth0'

    it.each([
      [lan, `fe80::99%${zone}`, true],
      [lan, `fe80:0:0:1::99%${zone}`, true], // all of fe80::/10
      [lan, `febf::99%${zone}`, true],
      [lan, `fec0::99%${zone}`, false],
      [lan, 'fe80::99%eth1', false],
      [lan, 'fe80::99%xeth0', false],
      [lan, 'fe80::99', false], // without its zone it may be anywhere
      [lan, 'fd00:7::99', true],
      [lan, 'fd00:8::99', false],
      [lan, `fd00:7::99%${zone}`, false],
      [lan, '2001:4860::1', false],
      [lan, '192.168.7.2', false],
      [lan, '::ffff:192.168.7.2', false],
      [lan, '::1', false],
      [loopback, '::1', true],
      [loopback, '::2', false]
    ])('on %o lets %s pass: %s', (link, address, isOnLink) => {
      const { passes, dropped } = guard(link)
      expect(passes(query(), address)).toBe(isOnLink)
      expect(dropped['off-link'] ?? 0).toBe(isOnLink ? 0 : 1)
    })
  })

  it('takes what comes from any subnet of the interface', () => {
    const { passes } = guard({ ...LAN, subnets: [...LAN.subnets, { address: '10.1.2.3', prefix: 8 }] })
    expect(passes(query(), '192.168.7.2')).toBe(true)
    expect(passes(query(), '10.9.9.9')).toBe(true)
    expect(passes(query(), '11.9.9.9')).toBe(false)
  })

  it('lets a source burst for two seconds’ worth, then pass at its rate, and others pass meanwhile', async () => {
    const { clock, passes, dropped } = guard()
    const rate = limits.mdnsPacketsPerSecond
    const passed = (count: number): number => Array.from({ length: count }, () => passes(query())).filter(Boolean).length
    expect(passed(3 * rate)).toBe(2 * rate)
    expect(dropped).toEqual({ rate })
    expect(passes(query(), '192.168.7.3')).toBe(true)
    await clock.advance(1_000)
    expect(passed(2 * rate)).toBe(rate)
    await clock.advance(60_000)
    expect(passed(3 * rate)).toBe(2 * rate)
  })

  it('lets all sources together pass at no more than their common rate, however many they are', async () => {
    // Half of them are known.
    const { clock, passes, dropped } = guard(LAN, '_p2p', address => Number(address.split('.')[3]) % 2 === 0)
    const total = limits.mdnsPacketsPerSecondTotal
    const passed = (): number => Array.from({ length: 20 * total }, (_, i) => passes(query(), `192.168.7.${1 + i % 250}`)).filter(Boolean).length
    expect(passed()).toBe(2 * total)
    expect(dropped).toEqual({ overload: 18 * total })
    await clock.advance(1_000)
    expect(passed()).toBe(total)
  })

  it('does not let one source take more of the common rate than its own', () => {
    const { passes } = guard()
    for (let i = 0; i < 20 * limits.mdnsPacketsPerSecondTotal; i++) passes(query())
    expect(passes(query(), '192.168.7.3')).toBe(true)
  })

  it.each([
    ['known', true],
    ['unknown', false]
  ])('does not let sources that are %s take what is for the others', (_name, isFlood) => {
    const { passes } = guard(LAN, '_p2p', address => isFlood === (address !== '192.168.7.254'))
    const { mdnsPacketsPerSecondTotal, mdnsPacketsPerSecond } = limits
    const flood = Array.from({ length: 20 * mdnsPacketsPerSecondTotal }, (_, i) => passes(query(), `192.168.7.${1 + i % 250}`))
    expect(flood.filter(Boolean).length).toBe(mdnsPacketsPerSecondTotal)
    const others = Array.from({ length: 3 * mdnsPacketsPerSecond }, () => passes(query(), '192.168.7.254'))
    expect(others.filter(Boolean).length).toBe(2 * mdnsPacketsPerSecond)
  })

  it('keeps hearing the peers that it knows while others make up sources', async () => {
    const known = ['192.168.7.1', '192.168.7.2', '192.168.7.3']
    const { clock, passes } = guard(link('192.168.7.1', 16), '_p2p', address => known.includes(address))
    const heard = new Map<string, number>()
    // 20 s of 1,000 made-up sources a second; each peer that is known says something every second.
    for (let second = 0, source = 0; second < 20; second++) {
      for (let i = 0; i < 1_000; i++, source++) passes(query(), `192.168.${64 + (source >> 8) % 128}.${source & 255}`)
      for (const address of known) if (passes(query(), address)) heard.set(address, (heard.get(address) ?? 0) + 1)
      await clock.advance(1_000)
    }
    expect([...heard.values()]).toEqual([20, 20, 20])
  })

  it('hears an honest known source beside twenty that became known to flood', async () => {
    const { passes, clock } = guard(LAN, '_p2p', () => true)
    let heard = 0
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 1_000; i++) {
        passes(query(), `192.168.7.${10 + i % 20}`)
        if (i === 500) heard += Number(passes(query(), '192.168.7.200'))
        await clock.advance(1)
      }
    }
    expect(heard).toBe(60)
  })

  it('neither decodes nor counts what does not name our service, and holds it against nobody', () => {
    const { passes, dropped } = guard()
    const junk = query({ questions: [{ name: 'p2p._p2px._udp.local', type: 'PTR' }] })
    for (let i = 0; i < 1_000; i++) expect(passes(junk)).toBe(false)
    expect(dropped).toEqual({})
    expect(passes(query())).toBe(true)
    for (let i = 0; i < 1_000; i++) passes(packet(12, [1, 1, 1, 1]))
    expect(passes(query())).toBe(true)
  })

  it.each([
    ['in capitals', query({ questions: [{ name: '_P2P._UDP.Local', type: 'PTR' }] })],
    ['below another name', query({ questions: [{ name: `peer.${SERVICE}`, type: 'TXT' }] })],
    ['with an end that is a pointer', Buffer.concat([
      query({ questions: [{ name: 'x._udp.local', type: 'A' }] }), Buffer.from([4]), Buffer.from('_p2p'), Buffer.from([0xc0, 14, 0, 12, 0, 1])
    ])]
  ])('finds our service %s', (_name, bytes) => {
    expect(guard().passes(bytes)).toBe(true)
  })

  it('tracks a bounded number of sources and forgets the one unheard for longest', () => {
    const { passes, dropped } = guard(link('192.168.7.1', 16))
    // Beyond the common rate all of them are dropped, but only a source that is known to have spent its own for that.
    const isSpent = (i: number): boolean => {
      const before = dropped['rate'] ?? 0
      passes(query(), `192.168.${100 + (i >> 8)}.${i & 255}`)
      return (dropped['rate'] ?? 0) > before
    }
    for (let i = 0; i < 2 * limits.mdnsPacketsPerSecond; i++) isSpent(0)
    for (let i = 1; i < limits.mdnsSources; i++) isSpent(i)
    expect(isSpent(0)).toBe(true) // still known, and now the latest
    for (let i = 1; i < limits.mdnsSources; i++) isSpent(5_000 + i)
    expect(isSpent(0)).toBe(true)
    for (let i = 0; i < limits.mdnsSources; i++) isSpent(10_000 + i)
    expect(isSpent(0)).toBe(false) // forgotten
  })
})

/** A TXT record whose data is a chain of `length` pointers that each lead to the one before. */
function pointerChain (length: number): Buffer {
  const bytes = packet(23 + 1 + 2 * length + 2, [0, 1, 0, 0])
  bytes.writeUInt16BE(16, 13)
  // The first leads to a root name; the others to a pointer.
  for (let i = 0, at = 24, target = 23; i <= length; i++, target = at, at += 2) bytes.writeUInt16BE(0xc000 | target, at)
  return bytes
}
