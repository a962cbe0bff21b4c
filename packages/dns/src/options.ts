/** What a user may set, resolved and checked once. */
import {
  knownOptions, limits, lowerName, nameOption, numberOption, show, systemClock, systemRng, type Clock, type Rng
} from '@peerweave/interface'
import { MAX_TIMEOUT_OPTION, TIMEOUT } from './client/constants.ts'
import { ANNOUNCE_TTL, ROUND_INTERVAL } from './constants.ts'
import { dnsClient, type DnsClient, type DnsClientInit } from './client/client.ts'
import { parseServer, parseServers } from './client/servers.ts'
import { askableName, isWithin } from './names.ts'
import { parseEnrtree, type Tree } from './read/enrtree.ts'
import { TTL_MAX, TTL_MIN } from './resolver/constants.ts'
import { isTsigAlgorithm, type TsigAlgorithm, type TsigKey } from './write/tsig.ts'
import type { ServiceLabels } from './write/own-records.ts'

export interface DnsOptions {
  /** Its name inside `multi`, which takes each once. @default 'dns' */
  name?: string | undefined
  /** Domains to look in: `['example.org']`. `[]` for who only announces, or reads trees. */
  domains: readonly string[]
  /** `_name._tcp` or `_name._udp`: its SRV records are looked for in every domain. @default none */
  service?: string | undefined
  /** `_dnsaddr` records of every domain are read too. @default true */
  dnsaddr?: boolean | undefined
  /** Signed lists of nodes, `enrtree://<key>@<domain>` (EIP-1459). @default none */
  enrtrees?: readonly string[] | undefined
  /**
   * The domains are our own: private and loopback addresses in them are meant, as in Kubernetes and Consul. Otherwise
   * only public ones are believed, since a zone can point anywhere.
   *
   * @default false
   */
  private?: boolean | undefined
  /**
   * Whom to ask, the first one first: `127.0.0.1:5301`, `[::1]:53`, an address alone for port 53, or `https://…` for DNS
   * over HTTPS.
   *
   * @default what the system is set to, looked at again every few seconds
   */
  servers?: readonly string[] | undefined
  /** One look-up with all the servers that it takes, ms. @default {@link TIMEOUT} */
  timeout?: number | undefined
  /** Between two rounds of a plain libp2p service, ms; inside `multi` that is its own business. @default {@link ROUND_INTERVAL} */
  interval?: number | undefined
  /** Announces us in a zone. @default we only read */
  announce?: DnsAnnounceOptions | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
  /** @default systemRng() */
  rng?: Rng | undefined
  /** What asks servers: sockets, which a simulator puts its own in for. @default dnsClient */
  client?: DnsClientFactory | undefined
}

export interface DnsClientFactory {
  (init: DnsClientInit): DnsClient
}

/** Dynamic updates of a zone. RFC 2136, RFC 8945. */
export interface DnsAnnounceOptions {
  /** The zone that is changed. */
  zone: string
  /** Where in it our records are. @default the zone */
  domain?: string | undefined
  /** @default the service that is looked for */
  service?: string | undefined
  /** Its primary server, with others to try after it, as `127.0.0.1:53` or `[::1]:53`. */
  servers: readonly string[]
  /** Signs the updates, and checks their answers. @default unsigned */
  key?: { name: string, /** base64 */ secret: string, /** @default 'hmac-sha256' */ algorithm?: TsigAlgorithm | undefined } | undefined
  /**
   * How long others may believe us, ms; killed, we are gone from every reader's view after twice that and the five
   * minutes that clocks may differ by. @default {@link ANNOUNCE_TTL}
   */
  ttl?: number | undefined
  /** Our host's label. Another peer's is not taken. @default one that is made from the peer id */
  host?: string | undefined
  /** @default the port of our first address over the service's transport */
  port?: number | undefined
  /** Private, link-local and loopback addresses and names are told as well: for a zone that the world does not see. @default false */
  private?: boolean | undefined
  /** Further TXT strings. */
  text?: Readonly<Record<string, string>> | undefined
}

export interface ResolvedAnnounce {
  readonly zone: string
  readonly domain: string
  readonly service: ServiceLabels
  readonly servers: readonly string[]
  readonly key: TsigKey | undefined
  readonly ttl: number
  readonly host: string | undefined
  readonly port: number | undefined
  readonly isPrivateMeant: boolean
  readonly text: ReadonlyMap<string, string>
}

export interface ResolvedOptions {
  readonly name: string
  readonly domains: readonly string[]
  readonly service: ServiceLabels | undefined
  readonly dnsaddr: boolean
  readonly enrtrees: readonly Tree[]
  readonly isPrivateMeant: boolean
  readonly servers: readonly string[] | undefined
  readonly timeout: number
  readonly interval: number
  readonly announce: ResolvedAnnounce | undefined
  readonly clock: Clock
  readonly rng: Rng
  readonly client: DnsClientFactory
}

const KNOWN: ReadonlyArray<keyof DnsOptions> =
  ['name', 'domains', 'service', 'dnsaddr', 'enrtrees', 'private', 'servers', 'timeout', 'interval', 'announce', 'clock', 'rng', 'client']
const KNOWN_OF_ANNOUNCE: ReadonlyArray<keyof DnsAnnounceOptions> =
  ['zone', 'domain', 'service', 'servers', 'key', 'ttl', 'host', 'port', 'private', 'text']

/** RFC 6335 §5.1, as SRV records name services. RFC 2782. */
const SERVICE = /^_([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\._(tcp|udp)$/
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** A URL, a multiaddr, an IP address, or the name of the records themselves: nothing would be found, and nobody would say why. */
const NO_DOMAIN = /[/:@]|^[\d.]+$|^_dnsaddr\.|^_[^.]+\._(?:tcp|udp)\./
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** @throws TypeError naming the option, what it may be and what it was */
export function resolveOptions (options: DnsOptions): ResolvedOptions {
  knownOptions('dns', options, KNOWN)
  const { domains, dnsaddr = true, announce } = options
  if (!Array.isArray(domains) || domains.length > limits.dnsDomains) {
    throw new TypeError(`domains must be a list of at most ${limits.dnsDomains} domains, [] to look in none, got ${show(domains)}`)
  }
  if (typeof dnsaddr !== 'boolean') throw new TypeError(`dnsaddr must be true or false, got ${show(dnsaddr)}`)
  const service = options.service === undefined ? undefined : serviceOption('service', options.service)
  if (domains.length > 0 && service === undefined && !dnsaddr) throw new TypeError('dnsaddr: false leaves nothing to look for: give a service')
  const { enrtrees = [], private: isPrivateMeant = false } = options
  if (!Array.isArray(enrtrees) || enrtrees.length > limits.dnsDomains) {
    throw new TypeError(`enrtrees must be a list of at most ${limits.dnsDomains} URLs, got ${show(enrtrees)}`)
  }
  if (typeof isPrivateMeant !== 'boolean') throw new TypeError(`private must be true or false, got ${show(isPrivateMeant)}`)
  if (domains.length === 0 && enrtrees.length === 0 && announce === undefined) throw new TypeError('domains must name a domain to look in, got none')
  if (options.servers !== undefined) parseServers(options.servers)
  return Object.freeze({
    name: nameOption('name', options.name, 'dns'),
    domains: [...new Set(domains.map(lookedInOption))],
    service,
    dnsaddr,
    enrtrees: enrtrees.map(url => parseEnrtree(url)),
    isPrivateMeant,
    servers: options.servers,
    timeout: numberOption('timeout', options.timeout, TIMEOUT, { min: 1, max: MAX_TIMEOUT_OPTION }),
    interval: numberOption('interval', options.interval, ROUND_INTERVAL, { min: 1_000 }),
    announce: announce === undefined ? undefined : resolveAnnounce('announce', announce, service),
    clock: options.clock ?? systemClock(),
    rng: options.rng ?? systemRng(),
    client: options.client ?? dnsClient
  })
}

/** @param of - what the options are called in errors */
export function resolveAnnounce (of: string, options: DnsAnnounceOptions, lookedFor?: ServiceLabels): ResolvedAnnounce {
  knownOptions(of, options, KNOWN_OF_ANNOUNCE)
  const { host, key, text = {}, servers, private: isPrivateMeant = false } = options
  const zone = domainOption(`${of}.zone`, options.zone)
  const domain = options.domain === undefined ? zone : domainOption(`${of}.domain`, options.domain)
  if (!isWithin(domain, zone)) throw new TypeError(`${of}.domain must be in the zone ${show(zone)}, got ${show(domain)}`)
  const service = options.service === undefined ? lookedFor : serviceOption(`${of}.service`, options.service)
  if (service === undefined) throw new TypeError(`${of}.service must say what we are, as "_name._tcp": no service is looked for either`)
  if (host !== undefined && !(typeof host === 'string' && LABEL.test(lowerName(host)))) {
    throw new TypeError(`${of}.host must be a DNS label, 1 to 63 of a-z, 0-9 and inner "-", got ${show(host)}`)
  }
  const isUsable = Array.isArray(servers) && servers.length > 0 && servers.length <= limits.dnsServers
  if (!isUsable || servers.some(server => parseServer(server, `${of}.servers`).kind !== 'socket')) {
    throw new TypeError(`${of}.servers must name the zone's primary server, as "127.0.0.1:53", with at most ${limits.dnsServers} in all, got ${show(servers)}`)
  }
  if (typeof isPrivateMeant !== 'boolean') throw new TypeError(`${of}.private must be true or false, got ${show(isPrivateMeant)}`)
  if (text === null || typeof text !== 'object' || Array.isArray(text) || !Object.values(text).every(value => typeof value === 'string')) {
    throw new TypeError(`${of}.text must be an object of strings, got ${show(text)}`)
  }
  if (Object.keys(text).some(name => lowerName(name) === 'expires')) throw new TypeError(`${of}.text must not have "expires": it is said by itself`)
  const ttl = numberOption(`${of}.ttl`, options.ttl, ANNOUNCE_TTL, { min: TTL_MIN, max: TTL_MAX })
  return Object.freeze({
    zone,
    domain,
    service,
    servers: [...servers],
    key: key === undefined ? undefined : keyOption(`${of}.key`, key),
    // In whole seconds on the wire, RFC 1035 §3.2.1.
    ttl: Math.round(ttl / 1_000) * 1_000,
    host: host === undefined ? undefined : lowerName(host),
    port: options.port === undefined ? undefined : numberOption(`${of}.port`, options.port, 0, { min: 1, max: 65_535, integer: true }),
    isPrivateMeant,
    text: new Map(Object.entries(text))
  })
}

function keyOption (of: string, key: NonNullable<DnsAnnounceOptions['key']>): TsigKey {
  // Not shown, like the secret: it may well be one, or have one in it.
  if (typeof key !== 'object' || key === null || Array.isArray(key)) throw new TypeError(`${of} must be an object with name and secret`)
  knownOptions(of, key, ['name', 'secret', 'algorithm'])
  const { secret, algorithm = 'hmac-sha256' } = key
  // The secret itself is never shown.
  if (typeof secret !== 'string' || secret === '' || !BASE64.test(secret)) throw new TypeError(`${of}.secret must be base64, as tsig-keygen prints it`)
  if (typeof algorithm !== 'string' || !isTsigAlgorithm(algorithm)) {
    throw new TypeError(`${of}.algorithm must be hmac-sha1, hmac-sha256, hmac-sha384 or hmac-sha512, got ${show(algorithm)}`)
  }
  return Object.freeze({ name: domainOption(`${of}.name`, key.name), algorithm, secret: Buffer.from(secret, 'base64') })
}

export function serviceOption (option: string, value: unknown): ServiceLabels {
  const [, name, transport] = typeof value === 'string' ? SERVICE.exec(lowerName(value)) ?? [] : []
  if (name === undefined || (transport !== 'tcp' && transport !== 'udp')) {
    throw new TypeError(`${option} must be "_name._tcp" or "_name._udp" (RFC 2782), got ${show(value)}`)
  }
  return Object.freeze({ name, transport })
}

function lookedInOption (value: unknown): string {
  const domain = domainOption('domains', value)
  if (NO_DOMAIN.test(domain)) throw new TypeError(`domains must hold names like "example.org", without "_dnsaddr" or a service before them, got ${show(value)}`)
  return domain
}

export function domainOption (option: string, value: unknown): string {
  try {
    if (typeof value === 'string') return askableName(value)
  } catch {} // what is wrong with it is said below, with the option's name
  throw new TypeError(`${option} must be a DNS name, got ${show(value)}`)
}
