/**
 * The base of the wrappers: a mechanism around a mechanism. What a wrapper does not change is passed on as it is: every
 * life cycle hook by itself, capabilities, routing, name, what libp2p asks of a service. Rounds, news and status of the
 * mechanism inside are held to the contract, whatever it does: hang, throw, lie.
 *
 * As a plain libp2p service a wrapped mechanism tells libp2p of what passes the wrapper. Inside it is then what it is
 * within `multi`: a `dht` in it is announced when `announceSelf` is called, not by itself.
 */
import { contentRoutingSymbol, peerRoutingSymbol, serviceCapabilities, serviceDependencies } from '@libp2p/interface'
import {
  defineMechanism, dropCounter, knownOptions, limits, nextTurn, raceSignal, show, systemClock, systemRng, toError, untilAborted,
  type AnnounceOptions, type Capabilities, type Clock, type DiscoveryMechanism, type MechanismContext, type MechanismFactory,
  type MechanismStatus, type Rng, type Round, type Session, type Sighting
} from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { originOf, withOrigin } from './origin.ts'
import { soundSighting } from './sound-sighting.ts'

/** What a wrapper makes: a mechanism, with the one that it wraps. */
export type Wrapped<Made extends DiscoveryMechanism> = DiscoveryMechanism & {
  /** For what only it has, as `nodes()` of `bootstrap`. Whoever starts, stops or asks it passes the wrapper by. */
  readonly inner: Made
}

export interface WrapperOptions {
  /** @default systemClock() */
  clock?: Clock | undefined
  /** @default systemRng() */
  rng?: Rng | undefined
}

/** Asks the mechanism inside. What it yields are copies, sound and let through by {@link WrapperSpec.isLetThrough}. */
export type Ask = (round: Round) => AsyncIterable<Sighting>

/** What a wrapper changes. What it leaves out is passed on. */
export interface WrapperSpec {
  round?: (ask: Ask, round: Round) => AsyncIterable<Sighting>
  announceSelf?: (announce: () => Promise<{ ttl: number }>, options: AnnounceOptions & { signal: AbortSignal }) => Promise<{ ttl: number }>
  /** Of everything that the mechanism says, asked for or not; what is not let through is counted `filtered`. */
  isLetThrough?: (sighting: Sighting) => boolean
  /** Something was said that nobody had asked for. */
  onNews?: (sighting: Sighting) => void
  open?: (session: Session) => void
  close?: () => void
  /** Its own part of the status. */
  figures?: () => object
}

export interface WrapperParts {
  readonly clock: Clock
  readonly rng: Rng
  readonly name: string
}

/** The options that every wrapper has. */
const SHARED = ['clock', 'rng'] as const

/**
 * @param owner - what the wrapper is called in errors
 * @param known - names of its own options
 * @param make - called once for every mechanism that is made
 * @throws TypeError when `factory` is none, or an option is not known
 */
export function wrapMechanism<Made extends DiscoveryMechanism> (
  owner: string, factory: MechanismFactory<Made>, options: WrapperOptions, known: readonly string[],
  make: (parts: WrapperParts) => WrapperSpec
): MechanismFactory<Wrapped<Made>> {
  if (typeof factory !== 'function') throw new TypeError(`${owner} wraps the factory of a mechanism, such as mdns(), got ${show(factory)}`)
  knownOptions(owner, options, [...known, ...SHARED])
  const { clock = systemClock(), rng = systemRng() } = options
  return mechanismModule((context: MechanismContext) => wrap(owner, context, factory(context), { clock, rng }, make), { clock, rng })
}

function wrap<Made extends DiscoveryMechanism> (
  owner: string, context: MechanismContext, inner: Made, { clock, rng }: Omit<WrapperParts, 'name'>,
  make: (parts: WrapperParts) => WrapperSpec
): Wrapped<Made> {
  const { name, type } = inner
  if (typeof name !== 'string' || typeof type !== 'string') {
    throw new TypeError(`${owner}: a mechanism has a name and a type, got ${show(name)} and ${show(type)}`)
  }
  const spec = make({ clock, rng, name })
  const { dropped, drop } = dropCounter()
  const { peerRouting, contentRouting, symbols } = libp2pParts(inner)
  const { announceSelf, withdrawSelf, findPeer } = inner
  const capabilities = inner.capabilities as Partial<Capabilities> | undefined

  /** A copy that is what its type says and is wanted; `undefined` when it is not. */
  const taken = (said: unknown): Sighting | undefined => {
    let sighting: Sighting
    try {
      sighting = soundSighting(said)
    } catch {
      drop('malformed')
      return undefined
    }
    if (spec.isLetThrough?.(sighting) === false) {
      drop('filtered')
      return undefined
    }
    const origin = originOf(said as Sighting)
    return origin == null ? sighting : withOrigin(sighting, origin)
  }

  /** Ends by its signal. One that says what nobody wants, and never waits, must not hold the event loop. */
  const heard = async function * (source: AsyncIterable<Sighting>, signal: AbortSignal): AsyncGenerator<Sighting> {
    let count = 0
    for await (const said of untilAborted(source, signal)) {
      const sighting = taken(said)
      if (sighting != null) yield sighting
      if (++count >= limits.wrappedPerRound) return
      if (count % limits.sightingsPerTurn === 0) await nextTurn()
    }
  }
  const ask: Ask = ({ namespace, limit, signal }) => heard(inner.discoverPeers({ namespace, limit, signal }), signal)

  let recover: (() => void) | undefined
  /** The state of the mechanism inside is ours. */
  const follow = (session: Session): void => {
    const { state, lastError } = statusOf(inner)
    if (state === 'degraded') {
      recover ??= session.degrade(lastError ?? new Error(`${name} is degraded`))
    } else if (state === 'running') {
      recover?.()
      recover = undefined
    }
  }

  const mechanism = defineMechanism(context, {
    name,
    type,
    clock,
    dropped,
    passive: capabilities?.passive === true,
    async open (session) {
      recover = undefined
      const { signal } = session
      spec.open?.(session)
      inner.addEventListener('sighting', event => {
        if (signal.aborted) return
        const sighting = taken(event.detail)
        if (sighting == null) return
        spec.onNews?.(sighting)
        session.sight(sighting)
      }, { signal })
      inner.addEventListener('status', () => follow(session), { signal })
      await inner.start()
      follow(session)
    },
    beforeClose: () => inner.beforeStop?.(),
    async close () {
      try {
        await inner.stop()
      } finally {
        spec.close?.()
      }
    },
    round: round => spec.round?.(ask, round) ?? ask(round),
    ...typeof findPeer === 'function' && {
      findPeer: (id, { signal }) => heard(findPeer.call(inner, id, { signal }), signal)
    },
    ...typeof announceSelf === 'function' && typeof withdrawSelf === 'function' && {
      async announceSelf (self, { namespace, signal = new AbortController().signal }) {
        const options = { namespace, signal }
        const announce = async (): Promise<{ ttl: number }> => {
          return granted(name, await raceSignal((async () => announceSelf.call(inner, self, options))(), signal))
        }
        return await (spec.announceSelf?.(announce, options) ?? announce())
      },
      withdrawSelf: async options => await withdrawSelf.call(inner, options)
    },
    ...peerRouting != null && { peerRouting },
    ...contentRouting != null && { contentRouting }
  })

  const own = mechanism.status.bind(mechanism)
  return Object.assign(mechanism, symbols, {
    inner,
    // Each by itself: what a mechanism does in `afterStart` fails in `start`.
    beforeStart: () => inner.beforeStart?.(),
    afterStart: () => inner.afterStart?.(),
    afterStop: () => inner.afterStop?.(),
    status: () => together(own(), statusOf(inner), spec.figures?.())
  })
}

/** What libp2p reads of a service, read once: a getter that gives another object each time gives us one. */
function libp2pParts (inner: DiscoveryMechanism): {
  peerRouting: DiscoveryMechanism[typeof peerRoutingSymbol]
  contentRouting: DiscoveryMechanism[typeof contentRoutingSymbol]
  symbols: object
} {
  const said = inner as { [serviceDependencies]?: unknown, [serviceCapabilities]?: unknown }
  const symbols: Record<symbol, unknown> = {}
  for (const symbol of [serviceDependencies, serviceCapabilities] as const) {
    const value = said[symbol]
    if (Array.isArray(value)) symbols[symbol] = [...value]
  }
  return { peerRouting: inner[peerRoutingSymbol], contentRouting: inner[contentRoutingSymbol], symbols }
}

/** What the mechanism says of itself, with whatever else it tells there; `degraded` when it cannot. */
function statusOf (inner: DiscoveryMechanism): Partial<MechanismStatus> {
  try {
    const said: unknown = inner.status()
    if (typeof said !== 'object' || said === null) throw new TypeError(`status() gave ${show(said)}`)
    const { lastError, dropped, ...rest } = { ...said } as Partial<MechanismStatus>
    return { ...rest, lastError: lastError == null ? undefined : toError(lastError), dropped: soundCounts(dropped) }
  } catch (error) {
    return { state: 'degraded', lastError: toError(error) }
  }
}

/** Counters alone. BOUNDED by `limits.dropReasons`: further reasons are left out. */
function soundCounts (counts: unknown): Record<string, number> {
  if (typeof counts !== 'object' || counts === null) return {}
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => Number.isFinite(count) && count >= 0).slice(0, limits.dropReasons))
}

/** Ours, with what is inside: what was dropped by both, and its figures beside ours. */
function together (
  own: MechanismStatus, { lastError, dropped = {}, ...inside }: Partial<MechanismStatus>, figures: object = {}
): MechanismStatus {
  const sum: Record<string, number> = Object.assign(Object.create(null), dropped)
  for (const [reason, count] of Object.entries(own.dropped)) sum[reason] = (sum[reason] ?? 0) + count
  return {
    ...inside,
    ...own,
    ...figures,
    // One that lies about its events may be degraded without having told us.
    state: own.state === 'running' && inside.state !== 'running' ? 'degraded' : own.state,
    lastError: own.lastError ?? lastError,
    dropped: Object.freeze(sum)
  }
}

/** @throws TypeError when it is no TTL */
function granted (name: string, said: unknown): { ttl: number } {
  const ttl = typeof said === 'object' && said !== null ? (said as { ttl?: unknown }).ttl : undefined
  if (typeof ttl === 'number' && ttl > 0 && Number.isFinite(ttl)) return { ttl }
  throw new TypeError(`${name} announced us and granted ${show(ttl)}, which is no time`)
}
