/** What a declarative configuration may hold, and what the user documents' words for it are here. */
import { limits, nameOption, numberOption, safeText, show, toError, type NumberBounds } from '@peerweave/interface'
import { INTERVAL, MAX_INBOUND, MAX_OUTBOUND, MAX_PEERS, MAX_PEERS_PER_ROUND, PEER_TIMEOUT, REFRESH_INTERVAL } from './constants.ts'
import { pathOf, type TellProblem } from './plain-json.ts'

/** One mechanism, or its type alone. */
export interface MechanismConfig {
  /** As in the registry: `mdns`. */
  type: string
  /** Unique; two of one type need two. @default `type` */
  name?: string | undefined
  /** `false`: checked, but neither loaded nor made. @default true */
  enabled?: boolean | undefined
  /** ms between its rounds. @default the configuration's `discoveryInterval` */
  interval?: number | undefined
  /** Sightings taken of one round of it. @default the configuration's `maxPeersPerMechanism` */
  maxPeers?: number | undefined
  /** What its factory is called with; `name` is added. */
  options?: Readonly<Record<string, unknown>> | undefined
}

/** Plain JSON. Durations are milliseconds. */
export interface Config {
  mechanisms: ReadonlyArray<string | MechanismConfig>
  /** Of the multi itself. @default 'multi' */
  name?: string | undefined
  /** ms between the rounds of each mechanism. @default {@link INTERVAL} */
  discoveryInterval?: number | undefined
  /** ms between two looks for peers that are about to expire. @default {@link REFRESH_INTERVAL} */
  refreshInterval?: number | undefined
  /** ms that unconfirmed hearsay stands at the most. @default {@link PEER_TIMEOUT} */
  peerTimeout?: number | undefined
  /** @default {@link MAX_PEERS_PER_ROUND} */
  maxPeersPerMechanism?: number | undefined
  limits?: {
    /** Peers kept. @default {@link MAX_PEERS} */
    peers?: number | undefined
    /** Connections that others made to us. @default {@link MAX_INBOUND} */
    inbound?: number | undefined
    /** Connections that we made. @default {@link MAX_OUTBOUND} */
    outbound?: number | undefined
  } | undefined
}

/** A mechanism as it was read. */
export interface ReadMechanism {
  /** `mechanisms[2]` */
  readonly path: string
  readonly type: string
  readonly name: string
  readonly isEnabled: boolean
  readonly interval: number | undefined
  readonly maxPeers: number | undefined
  readonly options: Readonly<Record<string, unknown>>
}

export interface ReadConfig {
  readonly name: string | undefined
  readonly mechanisms: readonly ReadMechanism[]
  readonly discoveryInterval: number
  readonly refreshInterval: number
  readonly peerTimeout: number
  readonly maxPeersPerMechanism: number
  readonly limits: Readonly<Record<'peers' | 'inbound' | 'outbound', number>>
}

type Json = Readonly<Record<string, unknown>>

const KEYS = ['mechanisms', 'name', 'discoveryInterval', 'refreshInterval', 'peerTimeout', 'maxPeersPerMechanism', 'limits'] as const
const MECHANISM_KEYS = ['type', 'name', 'enabled', 'interval', 'maxPeers', 'options'] as const
/** Told of a mechanism's key that resembles none of them. */
const ELSEWHERE = ': options of the mechanism itself go under `options`'
const LIMIT_KEYS = ['peers', 'inbound', 'outbound'] as const

const DURATION: NumberBounds = { min: 100, max: Infinity }
const PER_ROUND: NumberBounds = { max: limits.newPeers, integer: true }
const PLACES: NumberBounds = { min: 1, max: Infinity, integer: true }
const CONNECTIONS: NumberBounds = { min: 0, max: limits.connections, integer: true }

/** Words of the user documents for what is said otherwise here, without case and underscores. */
const DOCUMENT_KEYS: Readonly<Record<string, string>> = {
  peerrefreshinterval: '`refreshInterval`',
  peerlimits: '`limits`',
  maxpeers: '`limits.peers`',
  maxinbound: '`limits.inbound`',
  maxoutbound: '`limits.outbound`',
  peerstore: 'the option `store` of multi, in code'
}
const DOCUMENT_LIMITS: Readonly<Record<string, string>> = { maxpeers: '`peers`', maxinbound: '`inbound`', maxoutbound: '`outbound`' }

/** As above, of the mechanisms' own options, by type. */
const DOCUMENT_OPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dht: { kbucketsize: '`k`', providerpublicationinterval: '`provideInterval`', providerrecordttl: '`providerTtl`' },
  mdns: {
    servicename: '`service.name`, or `service.type` for "_name._tcp"',
    servicetype: '`service.type`',
    domain: '`service.domain`',
    interface: '`interfaces`, a list'
  },
  gossip: { gossipinterval: '`interval`', maxgossiphistory: '`history`', gossipttl: '`hops`' },
  bootstrap: {
    bootstrapnodes: '`list`',
    maxbootstrappeers: '`maxPeers`',
    bootstraptimeout: '`timeout`',
    retryinterval: '`enough`: failing nodes are tried again with back-off until there are so many connections',
    maxretries: '`enough`: failing nodes are tried again with back-off until there are so many connections'
  },
  dns: {
    discoverydomains: '`domains`',
    servicename: '`service`, as "_name._tcp"',
    protocol: '`service`, as "_name._tcp"',
    dnstimeout: '`timeout`',
    cachettl: 'nothing: an answer stands for its own TTL'
  }
}

/** What a key of a mechanism's options that it does not know may have been meant as; begins with `; `, or is empty. */
export function hintForOption (type: string, key: string, known: readonly string[]): string {
  return hint(key, known, Object.hasOwn(DOCUMENT_OPTIONS, type) ? DOCUMENT_OPTIONS[type] : undefined)
}

/** @param value - plain JSON; what is wrong in it is told of, and read as if it were not there */
export function readConfig (value: unknown, types: readonly string[], tell: TellProblem): ReadConfig {
  const read = new Reader(tell)
  const config = read.object('', value, 'a configuration', KEYS, DOCUMENT_KEYS)
  const most = read.object('limits', config['limits'] ?? {}, 'an object', LIMIT_KEYS, DOCUMENT_LIMITS)
  return {
    name: read.name('name', config['name']),
    mechanisms: isObject(value) ? readMechanisms(config['mechanisms'], types, read) : [],
    discoveryInterval: read.duration('discoveryInterval', config['discoveryInterval'], INTERVAL),
    refreshInterval: read.duration('refreshInterval', config['refreshInterval'], REFRESH_INTERVAL),
    peerTimeout: read.duration('peerTimeout', config['peerTimeout'], PEER_TIMEOUT),
    maxPeersPerMechanism: read.number('maxPeersPerMechanism', config['maxPeersPerMechanism'], MAX_PEERS_PER_ROUND, PER_ROUND),
    limits: {
      peers: read.number('limits.peers', most['peers'], MAX_PEERS, PLACES),
      inbound: read.number('limits.inbound', most['inbound'], MAX_INBOUND, CONNECTIONS),
      outbound: read.number('limits.outbound', most['outbound'], MAX_OUTBOUND, CONNECTIONS)
    }
  }
}

function readMechanisms (value: unknown, types: readonly string[], read: Reader): ReadMechanism[] {
  if (!Array.isArray(value) || value.length > limits.configMechanisms) {
    read.tell('mechanisms', `must be a list of at most ${limits.configMechanisms} mechanisms, got ${show(value)}`)
    return []
  }
  const names = new Map<string, string>()
  const result: ReadMechanism[] = []
  for (const [i, item] of value.entries()) {
    const path = pathOf('mechanisms', i)
    const mechanism = readMechanism(item, path, types, read)
    if (mechanism == null) continue
    const { name, isEnabled } = mechanism
    const other = isEnabled ? names.get(name) : undefined
    if (other != null) read.tell(path, `is named ${show(name)} like ${other}: give it a \`name\` of its own`)
    if (isEnabled) names.set(name, path)
    result.push(mechanism)
  }
  return result
}

function readMechanism (item: unknown, path: string, types: readonly string[], read: Reader): ReadMechanism | undefined {
  if (typeof item !== 'string' && !isObject(item)) {
    read.tell(path, `must be the type of a mechanism, or an object with its \`type\`, got ${show(item)}`)
    return undefined
  }
  const isBare = typeof item === 'string'
  const fields = isBare ? { type: item } : read.object(path, item, 'a mechanism', MECHANISM_KEYS, {}, ELSEWHERE)
  const { type, enabled = true, options = {} } = fields
  const at = (key: string): string => isBare ? path : pathOf(path, key)
  const isKnown = typeof type === 'string' && types.includes(type)
  if (!isKnown) {
    const meant = typeof type === 'string' ? hint(type, types) : ''
    read.tell(at('type'), `must be one of ${types.map(name => safeText(name)).join(', ')}, got ${show(type)}${meant}`)
  }
  if (typeof enabled !== 'boolean') read.tell(at('enabled'), `must be true or false, got ${show(enabled)}`)
  if (!isObject(options)) read.tell(at('options'), `must be an object, got ${show(options)}`)
  const name = read.name(at('name'), fields['name'])
  const ownName = isObject(options) ? read.name(`${at('options')}.name`, options['name']) : undefined
  if (name != null && ownName != null && name !== ownName) {
    read.tell(at('name'), `is ${show(name)}, and options.name is ${show(ownName)}: give one of them`)
  }
  const interval = fields['interval'] === undefined ? undefined : read.duration(at('interval'), fields['interval'], INTERVAL)
  const maxPeers = fields['maxPeers'] === undefined
    ? undefined
    : read.number(at('maxPeers'), fields['maxPeers'], MAX_PEERS_PER_ROUND, PER_ROUND)
  if (!isKnown || !isObject(options)) return undefined
  const ofType = name ?? ownName ?? read.name(at('name'), type)
  return ofType == null ? undefined : { path, type, name: ofType, isEnabled: enabled !== false, interval, maxPeers, options }
}

/** Reads values, tells what is wrong with them, and goes on. */
class Reader {
  readonly tell: TellProblem

  constructor (tell: TellProblem) {
    this.tell = tell
  }

  /** Unknown keys are told of, each with what may have been meant. */
  object (
    path: string, value: unknown, what: string, known: readonly string[], document: Readonly<Record<string, string>>, otherwise = ''
  ): Json {
    if (!isObject(value)) {
      this.tell(path, `must be ${what}, with ${known.join(', ')}, got ${show(value)}`)
      return {}
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue
      const meant = hint(key, known, document)
      this.tell(pathOf(path, key), `is not known; known are ${known.join(', ')}${meant === '' ? otherwise : meant}`)
    }
    return value
  }

  number (path: string, value: unknown, fallback: number, bounds: NumberBounds, hint = ''): number {
    try {
      return numberOption('', value as number | undefined, fallback, bounds)
    } catch (error) {
      const isQuoted = typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))
      this.tell(path, `${toError(error).message.trim()}${isQuoted ? '; a number has no quotes' : hint}`)
      return fallback
    }
  }

  duration (path: string, value: unknown, fallback: number): number {
    // As the documents write them.
    const isSeconds = typeof value === 'number' && value > 0
    return this.number(path, value, fallback, DURATION, isSeconds ? `; durations are milliseconds: ${value} s are ${value * 1_000}` : '')
  }

  name (path: string, value: unknown): string | undefined {
    try {
      return value === undefined ? undefined : nameOption('', value as string, '')
    } catch (error) {
      this.tell(path, toError(error).message.trim())
      return undefined
    }
  }
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hint (key: string, known: readonly string[], document: Readonly<Record<string, string>> = {}): string {
  const word = bare(key)
  if (Object.hasOwn(document, word)) return `; did you mean ${document[word]}?`
  const meant = known.find(name => bare(name) === word) ?? known.find(name => isNear(bare(name), word))
  return meant == null ? '' : `; did you mean \`${safeText(meant)}\`?`
}

function bare (key: string): string {
  return key.slice(0, 64).replaceAll(/[_-]/g, '').toLowerCase()
}

/** One letter too many, too few, wrong, or two that changed places. */
function isNear (a: string, b: string): boolean {
  if (a === b) return true
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const [restA, restB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  if (Math.min(a.length, b.length) < 3) return false
  const isSwapped = restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0]
  return isSwapped || (restA.length <= 1 && restB.length <= 1)
}
