/**
 * A `multi` from a declarative configuration: plain JSON that says which mechanisms, with which options. The registry
 * says how to load each, so that only what is used is loaded, and `multi` knows no mechanism by name.
 *
 * @example
 * ```ts
 * const config = { mechanisms: ['mdns', { type: 'bootstrap', options: { list: ['/dns4/peer.example.org/tcp/4001/p2p/12D3KooW…'] } }] }
 * const options = await multiFromConfig(config, {
 *   mdns: async () => (await import('@peerweave/mdns')).mdns,
 *   bootstrap: async () => (await import('@peerweave/bootstrap')).bootstrap
 * })
 * ```
 */
import { ConfigError, limits, safeText, show, toError, type ConfigProblem, type MechanismFactory } from '@peerweave/interface'
import { hintForOption, readConfig, type Config, type MechanismConfig, type ReadMechanism } from './config-schema.ts'
import { pathOf, plainCopy } from './plain-json.ts'
import type { MechanismEntry } from './options.ts'

export type { Config, MechanismConfig }

/** What a mechanism's package exports: `mdns`. It takes its options, `name` among them. */
// oxlint-disable-next-line typescript/no-explicit-any -- each mechanism has options of its own
export type MechanismMaker = (options: any) => MechanismFactory

/** How each type of mechanism is loaded, when it is used: `{ mdns: async () => (await import('@peerweave/mdns')).mdns }`. */
export type MechanismRegistry = Readonly<Record<string, () => Promise<MechanismMaker>>>

/** A configuration, read and with every default. Durations are milliseconds. */
export interface MultiConfig {
  readonly name: string | undefined
  readonly mechanisms: MechanismFactory[]
  /** The same, in the same order, as `multi` takes them. */
  readonly entries: MechanismEntry[]
  /** By the mechanism's name, of those that have one of their own. */
  readonly perMechanism: ReadonlyMap<string, { readonly interval?: number | undefined, readonly maxPeersPerRound?: number | undefined }>
  /** Between the rounds of each mechanism. */
  readonly interval: number
  readonly maxPeersPerRound: number
  readonly refreshInterval: number
  readonly peerTimeout: number
  readonly maxPeers: number
  /** The limits alone: nobody is sought. */
  readonly connect: { readonly target: 0, readonly feelers: number, readonly maxInbound: number, readonly maxOutbound: number }
}

/**
 * Loads and makes every mechanism that is enabled. Nothing is started.
 *
 * @throws ConfigError with all that is wrong, each with its path
 * @throws TypeError when the registry is none
 */
export async function multiFromConfig (config: unknown, registry: MechanismRegistry): Promise<MultiConfig> {
  const types = typesOf(registry)
  const problems = new Problems()
  const plain = plainCopy(config, problems.tell)
  if (plain === undefined) {
    problems.tell('', `must be a configuration, got ${show(config)}`)
    problems.throwIfAny()
  }
  const read = readConfig(plain, types, problems.tell)
  const enabled = read.mechanisms.filter(({ isEnabled }) => isEnabled)
  // At once, but made in their order, so that the same configuration has the same problems.
  const makers = new Map([...new Set(enabled.map(({ type }) => type))].map(type => [type, loading(type, registry)]))
  const entries: MechanismEntry[] = []
  for (const mechanism of enabled) {
    if (problems.isWithin(mechanism.path)) continue
    try {
      const factory = make(await makers.get(mechanism.type) as MechanismMaker, mechanism, problems)
      if (factory != null) entries.push(Object.freeze({ mechanism: factory, ...ownOf(mechanism) }))
    } catch (error) {
      problems.tell(mechanism.path, safeText(toError(error).message), toError(error))
    }
  }
  problems.throwIfAny()
  return {
    name: read.name,
    mechanisms: entries.map(({ mechanism }) => mechanism),
    entries,
    perMechanism: new Map(enabled.filter(({ interval, maxPeers }) => interval != null || maxPeers != null).map(mechanism => {
      return [mechanism.name, ownOf(mechanism)]
    })),
    interval: read.discoveryInterval,
    maxPeersPerRound: read.maxPeersPerMechanism,
    refreshInterval: read.refreshInterval,
    peerTimeout: read.peerTimeout,
    maxPeers: read.limits.peers,
    connect: Object.freeze({ target: 0, feelers: Infinity, maxInbound: read.limits.inbound, maxOutbound: read.limits.outbound })
  }
}

function ownOf ({ interval, maxPeers }: ReadMechanism): Omit<MechanismEntry, 'mechanism'> {
  return Object.freeze({ ...interval != null && { interval }, ...maxPeers != null && { maxPeersPerRound: maxPeers } })
}

function typesOf (registry: MechanismRegistry): string[] {
  if (typeof registry !== 'object' || registry === null) {
    throw new TypeError(`a registry of mechanisms is an object of functions that load them, got ${show(registry)}`)
  }
  for (const [type, load] of Object.entries(registry)) {
    if (typeof load === 'function') continue
    throw new TypeError(`the registry's ${show(type)} must be a function that loads a mechanism, got ${show(load)}`)
  }
  return Object.keys(registry)
}

/** A rejection is heard where the mechanism is made, or by nobody. */
function loading (type: string, registry: MechanismRegistry): Promise<MechanismMaker> {
  const maker = loaded(type, registry)
  maker.catch(() => {})
  return maker
}

async function loaded (type: string, registry: MechanismRegistry): Promise<MechanismMaker> {
  let maker: unknown
  try {
    maker = await registry[type]?.()
  } catch (error) {
    throw new Error(`${show(type)} could not be loaded: ${toError(error).message}`, { cause: error })
  }
  if (typeof maker === 'function') return maker as MechanismMaker
  throw new TypeError(`the registry's ${show(type)} must load a function that takes options, got ${show(maker)}`)
}

/** A mechanism tells of its first fault only: what is wrong is left out, and it is asked again. */
function make (maker: MechanismMaker, mechanism: ReadMechanism, problems: Problems): MechanismFactory | undefined {
  const { path, type, name } = mechanism
  const options = pathOf(path, 'options')
  const faults = new Set<string>()
  for (let tries = 0; tries <= limits.configProblems; tries++) {
    try {
      const factory: unknown = maker({ ...without(mechanism.options, options, faults) as object, name })
      if (typeof factory !== 'function') throw new TypeError(`${show(type)} must give a mechanism factory, got ${show(factory)}`)
      return faults.size === 0 ? factory as MechanismFactory : undefined
    } catch (thrown) {
      const error = toError(thrown)
      const fault = faultOf(error.message, mechanism, options, faults)
      // Where something was left out, what lacks it may complain.
      if (faults.size > 0 && (!fault.isThere || [...faults].some(known => isWithin(known, fault.path)))) return undefined
      problems.tell(fault.path, `${safeText(error.message)}${fault.hint}`, error)
      if (!fault.isThere) return undefined
      faults.add(fault.path)
    }
  }
  return undefined
}

interface Fault {
  path: string
  /** It is in the configuration, and can be left out. */
  isThere: boolean
  hint: string
}

/** `ttl must be …`, `service.text must be …`, `bootstrapNodes: …`. */
const NAMED = /^([A-Za-z]\w*(?:\.\w+)*)(?=:| must )/

/**
 * Where in the options the fault is that a mechanism told of. It names the option at its beginning, or shows the value;
 * errors of ours do one of them. Of anybody else's it may be the options as a whole.
 */
function faultOf (message: string, { type, options }: ReadMechanism, path: string, faults: ReadonlySet<string>): Fault {
  const nodes = [...nodesOf(options, path)].filter(node => ![...faults].some(fault => isWithin(node.path, fault)))
  const unknown = nodes.find(({ key }) => typeof key === 'string' && message.includes(`has no option ${show(key)};`))
  if (unknown != null) {
    const known = message.split('; it knows ')[1]?.split(', ') ?? []
    return { path: unknown.path, isThere: true, hint: hintForOption(type, unknown.key as string, known) }
  }
  const named = NAMED.exec(message)?.[1]
  const base = named == null || named === type ? undefined : `${path}.${named}`
  const isIn = (node: Node): boolean => base == null ? true : isWithin(node.path, base)
  const leaves = nodes.filter(node => isIn(node) && node.isLeaf)
  // Quoted, a text is itself. Other values are too short to tell, unless the option was named or the message begins with it.
  // What was got comes last: a text before it may be an example.
  const [said, got = said] = message.split(/, got (?!.*, got )/s) as [string, string?]
  const shown = leaves.find(({ value }) => (typeof value === 'string' || base != null) && got.includes(show(value))) ??
    leaves.find(({ key, value }) => typeof key === 'number' && message.startsWith(`${show(value)} `))
  const found = shown ?? nodes.find(node => node.path === base)
  return { path: found?.path ?? base ?? path, isThere: found != null, hint: '' }
}

interface Node {
  path: string
  key: string | number
  value: unknown
  isLeaf: boolean
}

/** Everything in it, from the outside in. */
function * nodesOf (value: unknown, path: string): Generator<Node> {
  if (typeof value !== 'object' || value === null) return
  const entries: Array<[string | number, unknown]> = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  for (const [key, item] of entries) {
    const own = pathOf(path, key)
    const isLeaf = typeof item !== 'object' || item === null
    yield { path: own, key, value: item, isLeaf }
    yield * nodesOf(item, own)
  }
}

function isWithin (path: string, outer: string): boolean {
  return path === outer || (path.startsWith(outer) && /^[.[]/.test(path.slice(outer.length)))
}

/** A copy that lacks what is at these paths. */
function without (value: unknown, path: string, faults: ReadonlySet<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, i) => faults.has(pathOf(path, i)) ? [] : [without(item, pathOf(path, i), faults)])
  }
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => {
    const own = pathOf(path, key)
    return faults.has(own) ? [] : [[key, without(item, own, faults)]]
  }))
}

/** One of each path. BOUNDED by `limits.configProblems`: of further ones only the number is told. */
class Problems {
  readonly #problems = new Map<string, ConfigProblem>()
  #more = 0

  readonly tell = (path: string, message: string, cause?: Error): void => {
    if (this.#problems.has(path)) return
    if (this.#problems.size < limits.configProblems) this.#problems.set(path, { path, message, ...cause != null && { cause } })
    else this.#more++
  }

  isWithin (path: string): boolean {
    return [...this.#problems.keys()].some(known => isWithin(known, path))
  }

  throwIfAny (): void {
    if (this.#problems.size === 0) return
    throw new ConfigError([...this.#problems.values(), ...this.#more === 0 ? [] : [{ path: '', message: `and ${this.#more} more` }]])
  }
}
