/**
 * How far an address reaches, and who may tell us of it.
 *
 * An allow-list on the IANA special-purpose registries: what is not known to be public, private, link-local or
 * loopback is `never`. `@libp2p/utils` calls NAT64 of 127.0.0.1, `fec0::/10`, Teredo, multicast and `/unix` "not
 * private" (security research F11), so it cannot guard a dial.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
import ipaddr from 'ipaddr.js'
import type { IPv6 } from 'ipaddr.js'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Reporter } from './discovery.ts'

/**
 * - `loopback`: this machine
 * - `link-local`: one link (169.254/16, fe80::/10 with a zone)
 * - `private`: a site (RFC 1918, RFC 4193, RFC 6598)
 * - `public`: the internet
 * - `name`: a DNS name, to be classified again after it was resolved
 * - `never`: nothing that a stranger's word should make us connect to
 */
export type AddressScope = 'loopback' | 'link-local' | 'private' | 'public' | 'name' | 'never'

/** What all addresses of an IPv4 range have in common, as a number, and where it is in them. */
interface Range4 { readonly base: number, readonly mask: number }
type Range6 = [IPv6, number]

const v4 = (cidr: string): Range4 => {
  const [ip = '', bits] = cidr.split('/')
  const mask = Number(bits) === 0 ? 0 : -1 << (32 - Number(bits))
  return { base: (readV4(ip) as number) & mask, mask }
}
const v6 = (cidr: string): Range6 => ipaddr.IPv6.parseCIDR(cidr)

/** Cloud metadata services: inside ranges that are otherwise usable, and a classic target of forged addresses. */
const METADATA4 = new Set(['169.254.169.254', '100.100.100.200'].map(readV4))
const METADATA6 = 'fd00:ec2::254'

const SCOPES4: Array<[Range4, AddressScope]> = [
  [v4('10.0.0.0/8'), 'private'],
  [v4('172.16.0.0/12'), 'private'],
  [v4('192.168.0.0/16'), 'private'],
  [v4('100.64.0.0/10'), 'private'],
  [v4('127.0.0.0/8'), 'loopback'],
  [v4('169.254.0.0/16'), 'link-local'],
  [v4('0.0.0.0/8'), 'never'], // "this network", RFC 791
  [v4('192.0.0.0/24'), 'never'], // protocol assignments, RFC 6890
  [v4('192.0.2.0/24'), 'never'], // documentation, RFC 5737
  [v4('192.88.99.0/24'), 'never'], // 6to4 relay anycast, RFC 7526
  [v4('198.18.0.0/15'), 'never'], // benchmarking, RFC 2544
  [v4('198.51.100.0/24'), 'never'],
  [v4('203.0.113.0/24'), 'never'],
  [v4('224.0.0.0/3'), 'never'] // multicast, reserved, broadcast
]

const SCOPES6: Array<[Range6, AddressScope]> = [
  [v6('::1/128'), 'loopback'],
  [v6('fc00::/7'), 'private'],
  [v6('fe80::/10'), 'link-local'],
  [v6('2001::/23'), 'never'], // protocol assignments: Teredo, ORCHID, benchmarking
  [v6('2001:db8::/32'), 'never'], // documentation, RFC 3849
  [v6('3fff::/20'), 'never'], // documentation, RFC 9637
  [v6('2000::/3'), 'public']
]

/** Prefixes with an IPv4 address inside, and the byte it starts at: the inner address decides. */
const EMBEDDED: Array<[Range6, number]> = [
  [v6('::ffff:0:0/96'), 12], // IPv4-mapped, RFC 4291 §2.5.5.2
  [v6('64:ff9b::/96'), 12], // NAT64, RFC 6052
  [v6('2002::/16'), 2] // 6to4, RFC 3056
]

/** @param ip - a literal, an IPv6 one with or without `%zone`; anything else is `never` */
export function ipScope (ip: string): AddressScope {
  if (!ip.includes(':')) {
    const number = readV4(ip)
    return number == null ? 'never' : scope4(number)
  }
  const [bare = ''] = ip.split('%', 1) // with its zone, a metadata address would not equal itself
  const tail = bare.slice(bare.lastIndexOf(':') + 1)
  const isPlain = !tail.includes('.') || readV4(tail) != null
  return isPlain && ipaddr.IPv6.isValid(bare) ? scope6(ipaddr.IPv6.parse(bare)) : 'never'
}

/**
 * Four decimal numbers and nothing else: parsers differ in how they read 127.1 and 0177.0.0.1. By hand, because every
 * address of every claim comes through here, and `ipaddr.js` throws to say no.
 */
function readV4 (text: string): number | undefined {
  let result = 0
  let part = -1
  let parts = 0
  for (let i = 0; i <= text.length; i++) {
    const digit = text.charCodeAt(i) - 48 // NaN at the end
    if (digit >= 0 && digit <= 9) {
      // No leading zero, and nothing above 255.
      if (part === 0) return undefined
      part = part < 0 ? digit : part * 10 + digit
      if (part > 255) return undefined
    } else if (part >= 0 && parts < 4 && (i === text.length || text[i] === '.')) {
      result = result << 8 | part
      part = -1
      parts++
    } else {
      return undefined
    }
  }
  return parts === 4 ? result : undefined
}

function scope4 (ip: number): AddressScope {
  if (METADATA4.has(ip)) return 'never'
  return SCOPES4.find(([{ base, mask }]) => (ip & mask) === base)?.[1] ?? 'public'
}

function scope6 (ip: IPv6): AddressScope {
  if (ip.toString() === METADATA6) return 'never'
  const embedded = EMBEDDED.find(([range]) => ip.match(range))
  if (embedded != null) {
    const [range, at] = embedded
    const inner = scope4(ip.toByteArray().slice(at, at + 4).reduce((number, byte) => number << 8 | byte, 0))
    // A mapped address *is* the IPv4 one; a translated one leaves through a gateway, so only public makes sense.
    return range[1] === 96 && ip.isIPv4MappedAddress() ? inner : inner === 'public' ? 'public' : 'never'
  }
  return SCOPES6.find(([range]) => ip.match(range))?.[1] ?? 'never'
}

/** The scope of the first hop of a multiaddr: of the relay, for a relayed one. */
export function addressScope (address: Multiaddr): AddressScope {
  const components = address.getComponents()
  const zoned = components[0]?.name === 'ip6zone'
  const [host, transport] = zoned ? components.slice(1) : components
  switch (host?.name) {
    case 'dns':
    case 'dns4':
    case 'dns6':
      return isDialable(transport) ? 'name' : 'never'
    case 'dnsaddr':
      return 'name'
    case 'ip4':
    case 'ip6': {
      const scope = ipScope(host.value ?? '')
      if (!isDialable(transport)) return 'never'
      // Without a zone the kernel cannot tell which link a link-local IPv6 address is on (RFC 4007 §11).
      return scope === 'link-local' && host.name === 'ip6' && !zoned ? 'never' : scope
    }
    default:
      return 'never' // /unix, /memory, onion, and whatever comes
  }
}

function isDialable (transport: { name: string, value?: string | undefined } | undefined): boolean {
  return (transport?.name === 'tcp' || transport?.name === 'udp') && Number(transport.value) > 0
}

/** Where a report came from: a scope, or the user's own configuration. */
export type ReporterScope = AddressScope | 'configured'

/**
 * From how far away a report came. A packet's own address says it best; an interface alone says "this site"; whoever
 * names only itself, or nothing at all, may be anywhere.
 */
export function reporterScope (reporter: Reporter | undefined): ReporterScope {
  if (reporter?.configured === true) return 'configured'
  if (reporter?.remoteAddr != null) {
    // Relayed: the address is the relay's, and who speaks through it may be anywhere.
    const isRelayed = reporter.remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')
    return isRelayed ? 'public' : addressScope(reporter.remoteAddr)
  }
  return reporter?.interface != null ? 'private' : 'public'
}

/**
 * Whether an address of scope `address` may be believed from a reporter of scope `reporter`: loopback only from
 * loopback, a site's only from the site (go-ethereum's relay rule).
 *
 * @see https://github.com/ethereum/go-ethereum/blob/master/p2p/netutil/net.go CheckRelayAddr
 */
export function mayReport (reporter: ReporterScope, address: AddressScope): boolean {
  switch (address) {
    case 'never':
      return false
    case 'loopback':
      return reporter === 'configured' || reporter === 'loopback'
    case 'link-local':
    case 'private':
      return reporter === 'configured' || reporter === 'loopback' || reporter === 'link-local' || reporter === 'private'
    case 'public':
    case 'name':
      return true
  }
}
