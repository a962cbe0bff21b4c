/** What a user may set, resolved and checked once. */
import { knownOptions, limits, lowerName, nameOption, numberOption, show, systemClock, systemRng, type Clock, type Rng } from '@peerweave/interface'
import { MAX_TTL, PORT, QUERY_WINDOW, SERVICE_TAG, TTL } from './constants.ts'
import { systemNetwork, type LinkFamily, type MdnsNetwork } from './network.ts'
import { instanceLabel, serviceName, subtypeLabel, type ServiceName } from './service-name.ts'
import type { LinkRules } from './links.ts'

export interface MdnsOptions {
  /** Its name inside `multi`, which takes each once: two interfaces want two names. @default 'mdns' */
  name?: string | undefined
  /**
   * DNS name of the libp2p form's service. Networks with different tags do not see each other.
   *
   * @default {@link SERVICE_TAG}
   */
  serviceTag?: string | undefined
  /**
   * Fingerprint of a private network's key, 16 bytes in hexadecimal: its peers meet under a name of their own,
   * `_p2p-<fingerprint>._udp.local`, as the libp2p spec has it. In place of `serviceTag`.
   */
  privateNetwork?: string | undefined
  /**
   * `false` turns the libp2p form off: only `service` is asked for and announced.
   *
   * @default true
   */
  libp2p?: boolean | undefined
  /** A service in the DNS-SD form, beside: browsers of other systems list and resolve it, and we find theirs. */
  service?: MdnsServiceOptions | undefined
  /**
   * UDP port, ours and everybody's: packets from another source port are dropped. Another port than 5353 makes a
   * private network that no other mDNS software hears; tests use one.
   *
   * @default {@link PORT}
   */
  port?: number | undefined
  /**
   * The interfaces to use: names (`eth0`), names with one `*` (`en*`), or addresses, which stand for that interface over
   * their family. `['127.0.0.1']` stays on this machine.
   *
   * @default every interface that is not internal, or the loopback one over IPv4 where there is no other
   */
  interfaces?: readonly string[] | undefined
  /** Interfaces to leave out, written the same way: `['docker*', 'veth*']`. It wins over `interfaces`. */
  excludeInterfaces?: readonly string[] | undefined
  /** @default both */
  families?: readonly LinkFamily[] | undefined
  /**
   * How long others may believe our answer, ms, sent in whole seconds. Shorter notices a killed peer sooner and makes
   * more traffic: everyone who knows us asks again after 80 % of it. At most {@link MAX_TTL}.
   *
   * @default {@link TTL}
   */
  ttl?: number | undefined
  /**
   * The label that names us below the service, 1 to 63 of `a–z 0–9 _` and inner `-`. The libp2p spec wants it random, so that it
   * tells nothing and cannot clash.
   *
   * @default 32 characters from the secure generator, new for every mechanism
   */
  peerName?: string | undefined
  /**
   * How long a `discoverPeers` round listens, ms. Shorter misses peers that answered somebody else within the last
   * second, for they must wait.
   *
   * @default {@link QUERY_WINDOW}
   */
  queryWindow?: number | undefined
  /**
   * `false` asks and listens but never announces us: no answers, no goodbye, and `announceSelf` and `withdrawSelf`
   * are absent.
   *
   * @default true
   */
  broadcast?: boolean | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
  /** Jitter only; the peer name comes from the secure generator. @default systemRng() */
  rng?: Rng | undefined
  /** Sockets and interfaces: what a simulator puts its own in for. @default {@link systemNetwork} */
  network?: MdnsNetwork | undefined
}

/** A service in the DNS-SD form. RFC 6763. */
export interface MdnsServiceOptions {
  /** `_name._tcp` or `_name._udp`. */
  type: string
  /** @default 'local' */
  domain?: string | undefined
  /**
   * The instance's name, for people to read: 1 to 63 bytes of UTF-8. If another host has it, ours becomes `name (2)`.
   *
   * @default the peer name
   */
  name?: string | undefined
  /**
   * Our host's label below the domain. If another host has it, ours becomes `host-2`.
   *
   * @default the peer name
   */
  host?: string | undefined
  /** @default the port of our first address over the type's transport; nothing is announced while there is none */
  port?: number | undefined
  /** Kinds of the service that can be browsed for by themselves, `_printer`: Avahi asks for none without the underscore. RFC 6763 §7.1. */
  subtypes?: readonly string[] | undefined
  /** Protocols that we speak, a TXT string `protocol=` each, as far as the text has room: 1,000 bytes in all. */
  protocols?: readonly string[] | undefined
  /** Further TXT strings, `key=value`. `peer_id`, `protocol`, `addr`, `dnsaddr` and `record` are taken. */
  text?: Readonly<Record<string, string>> | undefined
}

export interface ResolvedService {
  readonly name: ServiceName
  readonly instance: string | undefined
  readonly host: string | undefined
  readonly port: number | undefined
  readonly subtypes: readonly string[]
  readonly protocols: readonly string[]
  readonly text: ReadonlyMap<string, string>
}

export interface ResolvedOptions {
  readonly name: string
  /** Absent when the libp2p form is off. */
  readonly serviceTag: string | undefined
  readonly service: ResolvedService | undefined
  readonly port: number
  readonly interfaces: LinkRules
  /** ms */
  readonly ttl: number
  readonly peerName: string | undefined
  readonly queryWindow: number
  readonly broadcast: boolean
  readonly clock: Clock
  readonly rng: Rng
  readonly network: MdnsNetwork
}

const KNOWN: ReadonlyArray<keyof MdnsOptions> = [
  'name', 'serviceTag', 'privateNetwork', 'libp2p', 'service', 'port', 'interfaces', 'excludeInterfaces', 'families', 'ttl', 'peerName',
  'queryWindow', 'broadcast', 'clock', 'rng', 'network'
]
const KNOWN_OF_SERVICE: ReadonlyArray<keyof MdnsServiceOptions> = ['type', 'domain', 'name', 'host', 'port', 'subtypes', 'protocols', 'text']
const FAMILIES: readonly LinkFamily[] = ['IPv4', 'IPv6']

/** One DNS label, RFC 1035 §2.3.1 with the underscore of RFC 6763 §7. dns-packet does not check what it encodes. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i
/** Leaves room for a label of 63 in front within RFC 1035's 255 bytes. */
const MAX_SERVICE_LENGTH = 189

/** 16 bytes. */
const FINGERPRINT = /^[0-9a-f]{32}$/i

/** @throws TypeError naming the option, what it may be and what it was */
export function resolveOptions (options: MdnsOptions): ResolvedOptions {
  knownOptions('mdns', options, KNOWN)
  const { peerName } = options
  if (peerName !== undefined && !(typeof peerName === 'string' && LABEL.test(peerName))) {
    throw new TypeError(`peerName must be 1 to 63 of a-z, 0-9, "_" and inner "-", got ${show(peerName)}`)
  }
  const service = options.service === undefined ? undefined : resolveService(options.service)
  const serviceTag = booleanOption('libp2p', options.libp2p, true) ? serviceTagOf(options) : undefined
  if (serviceTag === undefined && service === undefined) {
    throw new TypeError('libp2p: false leaves nothing to look for: give a service')
  }
  if (serviceTag !== undefined && serviceTag === service?.name.fqdn) {
    throw new TypeError(`service must have another type than the libp2p form, ${serviceTag}; or set libp2p to false`)
  }
  return Object.freeze({
    name: nameOption('name', options.name, 'mdns'),
    serviceTag,
    service,
    port: numberOption('port', options.port, PORT, { min: 1, max: 65_535, integer: true }),
    interfaces: Object.freeze({
      ...options.interfaces !== undefined && { allow: rulesOption('interfaces', options.interfaces) },
      deny: options.excludeInterfaces === undefined ? [] : rulesOption('excludeInterfaces', options.excludeInterfaces),
      families: familiesOption(options.families)
    }),
    // In whole seconds on the wire, RFC 1035 §3.2.1.
    ttl: Math.round(numberOption('ttl', options.ttl, TTL, { min: limits.ttlMin, max: MAX_TTL }) / 1_000) * 1_000,
    peerName: peerName === undefined ? undefined : lowerName(peerName),
    queryWindow: numberOption('queryWindow', options.queryWindow, QUERY_WINDOW, { min: 1, max: limits.roundDeadline }),
    broadcast: booleanOption('broadcast', options.broadcast, true),
    clock: options.clock ?? systemClock(),
    rng: options.rng ?? systemRng(),
    network: options.network ?? systemNetwork
  })
}

function serviceTagOf ({ serviceTag, privateNetwork }: MdnsOptions): string {
  if (privateNetwork !== undefined) {
    if (serviceTag !== undefined) throw new TypeError('serviceTag and privateNetwork both name the service: give one')
    if (typeof privateNetwork !== 'string' || !FINGERPRINT.test(privateNetwork)) {
      throw new TypeError(`privateNetwork must be the key's fingerprint, 32 hexadecimal digits, got ${show(privateNetwork)}`)
    }
    return SERVICE_TAG.replace('.', `-${lowerName(privateNetwork)}.`)
  }
  const tag = serviceTag ?? SERVICE_TAG
  if (typeof tag !== 'string' || tag.length > MAX_SERVICE_LENGTH || !tag.split('.').every(label => LABEL.test(label))) {
    throw new TypeError(`serviceTag must be a DNS name of at most ${MAX_SERVICE_LENGTH} characters, got ${show(tag)}`)
  }
  return lowerName(tag)
}

function resolveService (options: MdnsServiceOptions): ResolvedService {
  knownOptions('service', options, KNOWN_OF_SERVICE)
  const { type, domain = 'local', name, host, port, subtypes = [], protocols = [], text = {} } = options
  if (host !== undefined && !(typeof host === 'string' && LABEL.test(host))) {
    throw new TypeError(`service.host must be 1 to 63 of a-z, 0-9, "_" and inner "-", got ${show(host)}`)
  }
  // A list or a map has entries that are not its properties, and none of them would be told.
  if (text === null || typeof text !== 'object' || Symbol.iterator in text || !Object.values(text).every(value => typeof value === 'string')) {
    throw new TypeError(`service.text must be an object of strings, got ${show(text)}`)
  }
  const wrong = textsOption('service.protocols', protocols).find(protocol => protocol === '' || Buffer.byteLength(protocol) > limits.protocolBytes)
  if (wrong !== undefined) {
    throw new TypeError(`service.protocols must be names of 1 to ${limits.protocolBytes} bytes, got ${show(wrong)}`)
  }
  return Object.freeze({
    name: serviceName('service.type', type, domain),
    instance: name === undefined ? undefined : instanceLabel('service.name', name),
    host: host === undefined ? undefined : lowerName(host),
    port: port === undefined ? undefined : numberOption('service.port', port, 0, { min: 1, max: 65_535, integer: true }),
    subtypes: textsOption('service.subtypes', subtypes).map(subtype => subtypeLabel('service.subtypes', subtype)),
    protocols: [...protocols],
    text: new Map(Object.entries(text))
  })
}

function booleanOption (name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`${name} must be true or false, got ${show(value)}`)
  return value ?? fallback
}

function textsOption (name: string, value: readonly string[]): readonly string[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be a list of strings, got ${show(value)}`)
  const wrong = value.findIndex(item => typeof item !== 'string')
  if (wrong >= 0) throw new TypeError(`${name} must be a list of strings, got ${show(value[wrong])} in it`)
  return Object.freeze([...value])
}

function rulesOption (name: string, value: readonly string[]): readonly string[] {
  const rules = textsOption(name, value)
  if (name === 'interfaces' && rules.length === 0) throw new TypeError('interfaces must name at least one; leave it out for all')
  const wrong = rules.find(rule => rule === '' || rule.split('*').length > 2)
  if (wrong !== undefined) throw new TypeError(`${name} must be interface names, names with one "*", or addresses, got ${show(wrong)}`)
  return rules
}

function familiesOption (value: readonly LinkFamily[] = FAMILIES): readonly LinkFamily[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every(family => FAMILIES.includes(family))) {
    throw new TypeError(`families must be some of ${FAMILIES.join(', ')}, got ${show(Array.isArray(value) ? value.join(', ') : value)}`)
  }
  return Object.freeze([...new Set(value)])
}
