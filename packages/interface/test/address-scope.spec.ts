import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { addressScope, ipScope, mayReport, reporterScope, type AddressScope, type ReporterScope } from '../src/address-scope.ts'
import type { Reporter } from '../src/discovery.ts'

const RELAY = '12D3KooWBhAbWtqWVMFZbGLLzSZuqzH6GFKzGkBhgd3Y2YQnS2Xt'

const MULTIADDRS: Array<[string, AddressScope, string]> = [
  // Loopback.
  ['/ip4/127.0.0.1/tcp/4001', 'loopback', 'RFC 1122 §3.2.1.3'],
  ['/ip4/127.255.255.254/udp/4001/quic-v1', 'loopback', 'all of 127/8'],
  ['/ip6/::1/tcp/4001', 'loopback', 'RFC 4291 §2.5.3'],
  ['/ip6/::ffff:127.0.0.1/tcp/4001', 'loopback', 'IPv4-mapped: it is the IPv4 address'],

  // A site.
  ['/ip4/10.0.0.1/tcp/4001', 'private', 'RFC 1918'],
  ['/ip4/10.255.255.255/tcp/4001', 'private', 'RFC 1918, last'],
  ['/ip4/172.16.0.1/tcp/4001', 'private', 'RFC 1918'],
  ['/ip4/172.31.255.255/tcp/4001', 'private', 'RFC 1918, last'],
  ['/ip4/192.168.1.1/tcp/4001', 'private', 'RFC 1918'],
  ['/ip4/100.64.0.1/tcp/4001', 'private', 'carrier-grade NAT, RFC 6598'],
  ['/ip4/100.127.255.255/tcp/4001', 'private', 'carrier-grade NAT, last'],
  ['/ip6/fc00::1/tcp/4001', 'private', 'unique local, RFC 4193'],
  ['/ip6/fd12:3456:789a::1/tcp/4001', 'private', 'unique local, RFC 4193'],
  ['/ip6/::ffff:192.168.1.1/tcp/4001', 'private', 'IPv4-mapped'],

  // One link.
  ['/ip4/169.254.1.1/tcp/4001', 'link-local', 'RFC 3927'],
  ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', 'link-local', 'with its zone it can be dialled, RFC 4007 §11'],
  ['/ip6/fe80::1/tcp/4001', 'never', 'without a zone nobody knows which link'],
  ['/ip6/febf:ffff::1/tcp/4001', 'never', 'fe80::/10 ends here; without a zone'],
  ['/ip6zone/eth0/ip6/::1/tcp/4001', 'loopback', 'a zone makes nothing nearer or farther'],
  ['/ip6zone/eth0/ip6/fd00:ec2::254/tcp/80', 'never', 'nor does it hide a metadata service'],

  // The internet.
  ['/ip4/1.1.1.1/tcp/4001', 'public', 'global unicast'],
  ['/ip4/11.0.0.0/tcp/4001', 'public', 'just after 10/8'],
  ['/ip4/172.15.255.255/tcp/4001', 'public', 'just before 172.16/12'],
  ['/ip4/172.32.0.0/tcp/4001', 'public', 'just after 172.16/12'],
  ['/ip4/100.63.255.255/tcp/4001', 'public', 'just before 100.64/10'],
  ['/ip4/100.128.0.0/tcp/4001', 'public', 'just after 100.64/10'],
  ['/ip4/223.255.255.255/tcp/4001', 'public', 'just before multicast'],
  ['/ip6/2606:4700::1111/udp/4001/quic-v1', 'public', 'global unicast'],
  ['/ip6/2002:101:101::1/tcp/4001', 'public', '6to4 of 1.1.1.1, RFC 3056'],
  ['/ip6/64:ff9b::101:101/tcp/4001', 'public', 'NAT64 of 1.1.1.1, RFC 6052'],
  ['/ip6/::ffff:1.1.1.1/tcp/4001', 'public', 'IPv4-mapped'],
  ['/ip4/1.1.1.1/udp/4001/webrtc-direct', 'public', 'any transport over udp'],
  [`/ip4/1.1.1.1/tcp/4001/p2p/${RELAY}/p2p-circuit`, 'public', 'relayed: the relay is what we connect to'],
  [`/ip4/127.0.0.1/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${RELAY}`, 'loopback', 'relayed over this machine'],
  [`/ip4/10.0.0.1/tcp/4001/p2p/${RELAY}/p2p-circuit`, 'private', 'relayed over the site'],

  // Names.
  ['/dns/example.org/tcp/443/tls/ws', 'name', 'classified again once it is resolved'],
  ['/dns4/example.org/tcp/4001', 'name', 'as above'],
  ['/dns6/example.org/udp/4001/quic-v1', 'name', 'as above'],
  ['/dnsaddr/example.org', 'name', 'resolves to whole multiaddrs, so it has no port of its own'],
  ['/dns4/localhost/tcp/4001', 'name', 'only the resolver knows where that leads'],
  ['/dns4/example.org/tcp/0', 'never', 'port 0 cannot be dialled'],
  ['/dns4/example.org', 'never', 'no port at all'],

  // Cloud metadata services.
  ['/ip4/169.254.169.254/tcp/80', 'never', 'AWS, Azure, Google'],
  ['/ip4/100.100.100.200/tcp/80', 'never', 'Alibaba, inside carrier-grade NAT'],
  ['/ip6/fd00:ec2::254/tcp/80', 'never', 'AWS, inside unique local'],
  ['/ip6/::ffff:169.254.169.254/tcp/80', 'never', 'IPv4-mapped'],
  ['/ip6/64:ff9b::a9fe:a9fe/tcp/80', 'never', 'NAT64 (F11)'],
  ['/ip6/2002:a9fe:a9fe::1/tcp/80', 'never', '6to4'],

  // An IPv4 address inside that must not leave through a gateway.
  ['/ip6/64:ff9b::7f00:1/tcp/4001', 'never', 'NAT64 of 127.0.0.1 (F11)'],
  ['/ip6/64:ff9b::a00:1/tcp/4001', 'never', 'NAT64 of 10.0.0.1'],
  ['/ip6/64:ff9b:1::1/tcp/4001', 'never', 'local NAT64, RFC 8215 (F11)'],
  ['/ip6/64:ff9b:1:ffff:ffff:ffff:101:101/tcp/4001', 'never', 'local NAT64, last of the /48'],
  ['/ip6/2002:7f00:1::/tcp/4001', 'never', '6to4 of 127.0.0.1 (F11)'],
  ['/ip6/2002:c0a8:101::1/tcp/4001', 'never', '6to4 of 192.168.1.1'],
  ['/ip6/2001:0:4136:e378:8000:63bf:3fff:fdd2/tcp/4001', 'never', 'Teredo, RFC 4380 (F11)'],
  ['/ip6/2001::1/tcp/4001', 'never', 'Teredo, first'],
  ['/ip6/::127.0.0.1/tcp/4001', 'never', 'IPv4-compatible, deprecated by RFC 4291 §2.5.5.1 (F11)'],
  ['/ip6/::1.1.1.1/tcp/4001', 'never', 'IPv4-compatible, also of a public one'],
  ['/ip6/::ffff:0:127.0.0.1/tcp/4001', 'never', 'IPv4-translated, RFC 2765'],

  // Special purposes.
  ['/ip4/0.0.0.0/tcp/4001', 'never', 'this host: Linux connects it to loopback'],
  ['/ip4/0.1.2.3/tcp/4001', 'never', 'this network, RFC 791'],
  ['/ip4/192.0.0.1/tcp/4001', 'never', 'protocol assignments, RFC 6890'],
  ['/ip4/192.0.2.1/tcp/4001', 'never', 'documentation, RFC 5737'],
  ['/ip4/198.51.100.1/tcp/4001', 'never', 'documentation, RFC 5737'],
  ['/ip4/203.0.113.1/tcp/4001', 'never', 'documentation, RFC 5737'],
  ['/ip4/192.88.99.1/tcp/4001', 'never', '6to4 relay anycast, RFC 7526'],
  ['/ip4/198.18.0.1/tcp/4001', 'never', 'benchmarking, RFC 2544'],
  ['/ip4/198.19.255.255/tcp/4001', 'never', 'benchmarking, last'],
  ['/ip4/224.0.0.251/udp/5353', 'never', 'multicast (F11)'],
  ['/ip4/239.255.255.255/udp/4001', 'never', 'multicast, last'],
  ['/ip4/240.0.0.1/tcp/4001', 'never', 'reserved, RFC 1112 §4'],
  ['/ip4/255.255.255.255/udp/4001', 'never', 'broadcast'],
  ['/ip6/::/tcp/4001', 'never', 'unspecified'],
  ['/ip6/fec0::1/tcp/4001', 'never', 'site-local, deprecated by RFC 3879 (F11)'],
  ['/ip6/ff02::fb/udp/5353', 'never', 'multicast'],
  ['/ip6/100::1/tcp/4001', 'never', 'discard-only, RFC 6666'],
  ['/ip6/2001:db8::1/tcp/4001', 'never', 'documentation, RFC 3849 (F11)'],
  ['/ip6/3fff::1/tcp/4001', 'never', 'documentation, RFC 9637'],
  ['/ip6/2001:20::1/tcp/4001', 'never', 'ORCHIDv2, RFC 7343'],
  ['/ip6/5f00::1/tcp/4001', 'never', 'segment routing, RFC 9602'],
  ['/ip6/4000::1/tcp/4001', 'never', 'not allocated: outside 2000::/3'],

  // What is no address of a stranger's, or cannot be dialled.
  ['/unix/%2Ftmp%2Fsock', 'never', 'a file of this machine (F11)'],
  ['/memory/1', 'never', 'this process (F11)'],
  ['/ip4/1.1.1.1/tcp/0', 'never', 'port 0 cannot be dialled'],
  ['/ip6/2606:4700::1111/udp/0/quic-v1', 'never', 'port 0 cannot be dialled'],
  ['/ip4/1.1.1.1', 'never', 'no transport'],
  ['/ip4/1.1.1.1/sctp/4001', 'never', 'nothing here dials it'],
  [`/p2p/${RELAY}`, 'never', 'no address'],
  [`/p2p/${RELAY}/p2p-circuit`, 'never', 'relayed, and only the relay knows how to reach it'],
  ['/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234', 'never', 'a network that we do not know']
]

const LITERALS: Array<[string, AddressScope, string]> = [
  ['127.0.0.1', 'loopback', 'as written'],
  ['127.1', 'never', 'short form: inet_aton reads 127.0.0.1'],
  ['0177.0.0.1', 'never', 'octal: inet_aton reads 127.0.0.1, others 177.0.0.1'],
  ['0x7f.0.0.1', 'never', 'hexadecimal'],
  ['2130706433', 'never', 'one number: inet_aton reads 127.0.0.1'],
  ['127.0.0.1.', 'never', 'a trailing dot'],
  [' 127.0.0.1', 'never', 'a leading space'],
  ['256.0.0.1', 'never', 'out of range'],
  ['1.1.1.1%eth0', 'never', 'IPv4 has no zones'],
  ['::ffff:0177.0.0.1', 'never', 'octal behind the prefix'],
  ['::ffff:0x7f.0.0.1', 'never', 'hexadecimal behind the prefix'],
  ['::ffff:127.1', 'never', 'short form behind the prefix'],
  ['::FFFF:7F00:1', 'loopback', 'upper case, IPv4-mapped in hexadecimal'],
  ['0:0:0:0:0:0:0:1', 'loopback', 'not shortened'],
  ['fe80::1%eth0', 'link-local', 'with its zone'],
  ['fd00:ec2::254%eth0', 'never', 'a metadata service with a zone'],
  ['FD00:EC2:0:0:0:0:0:254', 'never', 'a metadata service, spelt otherwise'],
  ['::ffff:a9fe:a9fe', 'never', 'a metadata service in hexadecimal'],
  [':::1', 'never', 'not an address'],
  ['[::1]', 'never', 'brackets belong to URLs'],
  ['localhost', 'never', 'a name is no literal'],
  ['', 'never', 'empty']
]

const peer = peerIdFromString(RELAY)
const REPORTED: Array<[Reporter | undefined, ReporterScope, string]> = [
  [undefined, 'public', 'nothing is known: it may be anybody'],
  [{}, 'public', 'as above'],
  [{ peer }, 'public', 'an id says who, not where'],
  [{ domain: 'example.org' }, 'public', 'a zone is the whole internet’s'],
  [{ interface: 'eth0' }, 'private', 'it came in on an interface: this site'],
  [{ remoteAddr: multiaddr('/ip4/127.0.0.1/tcp/4001') }, 'loopback', 'this machine'],
  [{ remoteAddr: multiaddr('/ip4/192.168.1.7/udp/5353'), interface: 'eth0' }, 'private', 'the packet’s own address'],
  [{ remoteAddr: multiaddr('/ip4/1.1.1.1/udp/5353'), interface: 'eth0' }, 'public', 'the packet’s own address, not the interface'],
  [{ remoteAddr: multiaddr('/ip4/0.0.0.0/udp/5353') }, 'never', 'nobody sends from there'],
  [{ remoteAddr: multiaddr(`/ip4/192.168.1.7/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${RELAY}`) }, 'public', 'the site’s relay passes strangers on'],
  [{ remoteAddr: multiaddr(`/ip4/127.0.0.1/tcp/4001/p2p/${RELAY}/p2p-circuit`), peer }, 'public', 'so does one on this machine'],
  [{ configured: true, remoteAddr: multiaddr('/ip4/1.1.1.1/tcp/4001') }, 'configured', 'the user named it, wherever it is']
]

const SCOPES: AddressScope[] = ['loopback', 'link-local', 'private', 'public', 'name', 'never']
const REPORTERS: ReporterScope[] = [...SCOPES, 'configured']

describe('addressScope', () => {
  it.each(MULTIADDRS)('of %s is %s: %s', (address, scope) => {
    expect(addressScope(multiaddr(address))).toBe(scope)
  })

  it('is the same for the address as bytes, as it comes from the network', () => {
    for (const [address, scope] of MULTIADDRS) expect(addressScope(multiaddr(multiaddr(address).bytes)), address).toBe(scope)
  })

  it('does not change with what follows the first hop', () => {
    for (const [address, scope] of MULTIADDRS.filter(([address]) => /\/(tcp|udp)\/\d+$/.test(address))) {
      expect(addressScope(multiaddr(`${address}/p2p/${RELAY}/p2p-circuit/ip4/1.1.1.1/tcp/1`)), address).toBe(scope)
    }
  })
})

describe('ipScope', () => {
  it.each(LITERALS)('of %j is %s: %s', (ip, scope) => {
    expect(ipScope(ip)).toBe(scope)
  })

  it('never throws, and knows no scope of a text that is not an address', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
      fc.pre(!/^[\da-f.:%]+$/i.test(text))
      expect(['never', 'link-local']).toContain(ipScope(text))
    }))
  })

  it('of an IPv4 address is that of its mapped form', () => {
    fc.assert(fc.property(fc.ipV4(), ip => {
      expect(ipScope(`::ffff:${ip}`)).toBe(ipScope(ip))
    }))
  })

  it('of a translated IPv4 address is public if that is, and never otherwise', () => {
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.constantFrom('10.1.2.3', '127.0.0.1', '169.254.169.254', '192.168.0.1')), ip => {
      const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number)
      const groups = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
      const expected = ipScope(ip) === 'public' ? 'public' : 'never'
      expect(ipScope(`64:ff9b::${groups}`)).toBe(expected)
      expect(ipScope(`2002:${groups}::1`)).toBe(expected)
    }))
  })
})

describe('an IPv4 literal', () => {
  const part = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }).map(String) }, fc.constantFrom('', '00', '01', '0x7f', '-1', ' 1', '１'))
  const text = fc.oneof(fc.tuple(part, part, part, part).map(parts => parts.join('.')), fc.array(part, { maxLength: 6 }).map(parts => parts.join('.')), fc.string())

  it('is read where ipaddr.js reads four decimal numbers, and has the scope of the range that it is in', () => {
    const ranges: Array<[string, AddressScope]> = [
      ['169.254.169.254/32', 'never'], ['100.100.100.200/32', 'never'], ['10.0.0.0/8', 'private'], ['172.16.0.0/12', 'private'], ['192.168.0.0/16', 'private'],
      ['100.64.0.0/10', 'private'], ['127.0.0.0/8', 'loopback'], ['169.254.0.0/16', 'link-local'], ['0.0.0.0/8', 'never'], ['192.0.0.0/24', 'never'],
      ['192.0.2.0/24', 'never'], ['192.88.99.0/24', 'never'], ['198.18.0.0/15', 'never'], ['198.51.100.0/24', 'never'], ['203.0.113.0/24', 'never'], ['224.0.0.0/3', 'never']
    ]
    fc.assert(fc.property(text.filter(text => !text.includes(':')), text => {
      const isAddress = ipaddr.IPv4.isValidFourPartDecimal(text)
      const within = isAddress && ranges.find(([cidr]) => ipaddr.IPv4.parse(text).match(ipaddr.IPv4.parseCIDR(cidr)))
      expect(ipScope(text)).toBe(isAddress ? within === undefined ? 'public' : (within as [string, AddressScope])[1] : 'never')
    }), { numRuns: 20_000 })
  })
})

describe('reporterScope', () => {
  it.each(REPORTED.map(([reporter, scope, reason]) => ({ reporter, scope, reason })))('is $scope: $reason', ({ reporter, scope }) => {
    expect(reporterScope(reporter)).toBe(scope)
  })
})

describe('mayReport', () => {
  it.each<[ReporterScope, AddressScope[]]>([
    ['configured', ['loopback', 'link-local', 'private', 'public', 'name']],
    ['loopback', ['loopback', 'link-local', 'private', 'public', 'name']],
    ['link-local', ['link-local', 'private', 'public', 'name']],
    ['private', ['link-local', 'private', 'public', 'name']],
    ['public', ['public', 'name']],
    ['name', ['public', 'name']],
    ['never', ['public', 'name']]
  ])('believes a %s reporter of %j and of nothing else', (reporter, believed) => {
    expect(SCOPES.filter(scope => mayReport(reporter, scope))).toEqual(believed)
  })

  it('is monotone: who is nearer may report all that one farther away may', () => {
    const distance: ReporterScope[] = ['configured', 'loopback', 'link-local', 'private', 'public', 'name', 'never']
    fc.assert(fc.property(fc.nat(distance.length - 1), fc.nat(distance.length - 1), fc.constantFrom(...SCOPES), (a, b, address) => {
      const [near, far] = [distance[Math.min(a, b)]!, distance[Math.max(a, b)]!]
      if (mayReport(far, address)) expect(mayReport(near, address)).toBe(true)
    }))
  })

  it('lets nothing that must never be dialled pass from anybody', () => {
    const never = [...MULTIADDRS.filter(([, scope]) => scope === 'never')]
    fc.assert(fc.property(fc.constantFrom(...REPORTERS), fc.constantFrom(...never), (reporter, [address]) => {
      expect(mayReport(reporter, addressScope(multiaddr(address)))).toBe(false)
    }))
  })

  it('lets loopback pass from loopback and the configuration only', () => {
    const loopback = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map(rest => `127.${rest.join('.')}`)
    fc.assert(fc.property(fc.constantFrom(...REPORTERS), loopback, (reporter, ip) => {
      expect(mayReport(reporter, addressScope(multiaddr(`/ip4/${ip}/tcp/4001`)))).toBe(['loopback', 'configured'].includes(reporter))
    }))
  })
})
