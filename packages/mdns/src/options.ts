/** What a user may set, resolved and checked once. */
import { knownOptions, limits, nameOption, numberOption, show, systemClock, systemRng, type Clock, type Rng } from '@peerweave/interface'
import { MAX_TTL, PORT, QUERY_WINDOW, SERVICE_TAG, TTL } from './constants.ts'
import { systemNetwork, type MdnsNetwork } from './network.ts'

export interface MdnsOptions {
  /** Its name inside `multi`, which takes each once: two interfaces want two names. @default 'mdns' */
  name?: string | undefined
  /**
   * DNS name of the service that is asked for and answered. Networks with different tags do not see each other.
   *
   * @default {@link SERVICE_TAG}
   */
  serviceTag?: string | undefined
  /**
   * UDP port, ours and everybody's: packets from another source port are dropped. Another port than 5353 makes a
   * private network that no other mDNS software hears; tests use one.
   *
   * @default {@link PORT}
   */
  port?: number | undefined
  /**
   * IPv4 address of the interface to use. `127.0.0.1` stays on this machine.
   *
   * @default the first interface that is not internal, or the loopback one where there is no other
   */
  interface?: string | undefined
  /**
   * How long others may believe our answer, ms, sent in whole seconds. Shorter notices a killed peer sooner and makes
   * more traffic: everyone who knows us asks again after 80 % of it. At most {@link MAX_TTL}.
   *
   * @default {@link TTL}
   */
  ttl?: number | undefined
  /**
   * The label that names us below the service, 1 to 63 of `a–z 0–9 -`. The libp2p spec wants it random, so that it
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
   * `false` asks and listens but never announces us: no answers, no goodbye, and `announceSelf` is absent.
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

export interface ResolvedOptions {
  readonly name: string
  readonly serviceTag: string
  readonly port: number
  readonly interface: string | undefined
  readonly ttl: number
  readonly peerName: string | undefined
  readonly queryWindow: number
  readonly broadcast: boolean
  readonly clock: Clock
  readonly rng: Rng
  readonly network: MdnsNetwork
}

const KNOWN: ReadonlyArray<keyof MdnsOptions> =
  ['name', 'serviceTag', 'port', 'interface', 'ttl', 'peerName', 'queryWindow', 'broadcast', 'clock', 'rng', 'network']

/** One DNS label, RFC 1035 §2.3.1 with the underscore of RFC 6763 §7. dns-packet does not check what it encodes. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i
/** Leaves room for a label of 63 in front within RFC 1035's 255 bytes. */
const MAX_SERVICE_LENGTH = 190

/** @throws TypeError naming the option, what it may be and what it was */
export function resolveOptions (options: MdnsOptions): ResolvedOptions {
  knownOptions('mdns', options, KNOWN)
  const { serviceTag = SERVICE_TAG, peerName, broadcast = true } = options
  if (typeof serviceTag !== 'string' || serviceTag.length > MAX_SERVICE_LENGTH || !serviceTag.split('.').every(label => LABEL.test(label))) {
    throw new TypeError(`serviceTag must be a DNS name of at most ${MAX_SERVICE_LENGTH} characters, got ${show(serviceTag)}`)
  }
  if (peerName !== undefined && !(typeof peerName === 'string' && LABEL.test(peerName))) {
    throw new TypeError(`peerName must be 1 to 63 of a-z, 0-9, "_" and inner "-", got ${show(peerName)}`)
  }
  if (options.interface !== undefined && typeof options.interface !== 'string') {
    throw new TypeError(`interface must be an IPv4 address of this machine, got ${show(options.interface)}`)
  }
  if (typeof broadcast !== 'boolean') {
    throw new TypeError(`broadcast must be true or false, got ${show(broadcast)}`)
  }
  return Object.freeze({
    name: nameOption('name', options.name, 'mdns'),
    serviceTag: serviceTag.toLowerCase(),
    port: numberOption('port', options.port, PORT, { min: 1, max: 65_535, integer: true }),
    interface: options.interface,
    // In whole seconds on the wire, RFC 1035 §3.2.1.
    ttl: Math.round(numberOption('ttl', options.ttl, TTL, { min: limits.ttlMin, max: MAX_TTL }) / 1_000) * 1_000,
    peerName: peerName?.toLowerCase(),
    queryWindow: numberOption('queryWindow', options.queryWindow, QUERY_WINDOW, { min: 1, max: limits.roundDeadline }),
    broadcast,
    clock: options.clock ?? systemClock(),
    rng: options.rng ?? systemRng(),
    network: options.network ?? systemNetwork
  })
}
