/** Which of the machine's interfaces we are on, and over which family. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { ipScope } from '@peerweave/interface'
import type { InterfaceAddress, LinkFamily, MdnsNetwork } from './network.ts'

/** One interface over one family: one socket. */
export interface Link {
  /** `name/family` */
  readonly key: string
  /** The interface's. */
  readonly name: string
  readonly family: LinkFamily
  /** What we send from: the IPv4 address that was asked for, else the first; the link-local IPv6 one, else the first. */
  readonly address: string
  /** The interface's, of this family: who is on the link. */
  readonly subnets: ReadonlyArray<{ address: string, prefix: number }>
  /** All addresses of the interface, of both families: literals without a zone. */
  readonly addresses: readonly string[]
  readonly isLoopback: boolean
  /** Number of the interface, where a link-local IPv6 address tells it. One that was taken away and came back has a new one. */
  readonly index?: number
}

export interface LinkRules {
  /**
   * Each an interface name, one with a `*` for any characters, or an IP address: that interface over the address'
   * family. Without it: every interface that is not internal, else the loopback one over IPv4.
   */
  allow?: readonly string[] | undefined
  /** As above; wins over `allow`. */
  deny: readonly string[]
  families: readonly LinkFamily[]
}

/** The links that fit the rules, in the machine's order. */
export function selectLinks (interfaces: ReturnType<MdnsNetwork['interfaces']>, rules: LinkRules): Link[] {
  const { allow, deny, families } = rules
  const links = Object.entries(interfaces)
    .flatMap(([name, addresses = []]) => families.flatMap(family => linkOf(name, addresses, family, allow) ?? []))
    .filter(link => !deny.some(rule => fits(link, rule)))
  if (allow != null) return links.filter(link => allow.some(rule => fits(link, rule)))
  const external = links.filter(({ isLoopback }) => !isLoopback)
  return external.length > 0 ? external : links.filter(({ family }) => family === 'IPv4')
}

function linkOf (
  name: string, addresses: readonly InterfaceAddress[], family: LinkFamily, wanted: readonly string[] = []
): Link | undefined {
  const own = addresses.filter(address => address.family === family)
  const [first] = own
  // Nothing can be sent to an IPv6 group on the loopback interface (ENETUNREACH on Linux).
  if (first == null || (family === 'IPv6' && first.internal)) return
  const preferred = family === 'IPv4'
    ? own.find(({ address }) => wanted.includes(address))
    // The source of what is sent to a link-local group; the system sees to that. RFC 6724 §5, rule 2.
    : own.find(({ address }) => isLinkLocal6(address))
  const index = addresses.find(({ scopeid = 0 }) => scopeid !== 0)?.scopeid
  return {
    key: `${name}/${family}`,
    name,
    family,
    address: (preferred ?? first).address,
    subnets: own.map(({ address, cidr }) => ({ address, prefix: Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128)) })),
    addresses: addresses.map(({ address }) => address),
    isLoopback: addresses.some(({ internal }) => internal),
    ...(index !== undefined && { index })
  }
}

function fits (link: Link, rule: string): boolean {
  const [literal = '', zone] = rule.split('%')
  if (isIPv4(literal) || isIPv6(literal)) {
    const address = canonical(literal)
    return link.subnets.some(own => own.address === address) && (zone === undefined || zone === zoneOf(link))
  }
  const star = rule.indexOf('*')
  if (star < 0) return link.name === rule
  return link.name.length >= rule.length - 1 && link.name.startsWith(rule.slice(0, star)) && link.name.endsWith(rule.slice(star + 1))
}

/** An IP address literal without a zone in its one form (RFC 5952), in which the machine gives its own; anything else as it is. */
function canonical (literal: string): string {
  return isIPv6(literal) ? new SocketAddress({ address: literal, family: 'ipv6' }).address : literal
}

export function isLinkLocal6 (literal: string): boolean {
  return isIPv6(literal) && ipScope(literal) === 'link-local'
}

/** What tells the link-local addresses of this interface from those of others, after the `%`. RFC 4007 §11. */
export function zoneOf ({ name, index = 0 }: Pick<Link, 'name' | 'index'>, platform: NodeJS.Platform = process.platform): string {
  return platform === 'win32' ? String(index) : name
}
