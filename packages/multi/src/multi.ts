/**
 * The orchestrator: asks every mechanism, each in a lane of its own, takes what they say through one intake into one
 * store, and tells what changed.
 */
import { contentRoutingSymbol, isPeerId, peerRoutingSymbol, serviceDependencies } from '@libp2p/interface'
import { limits, NotStartedError, show, throwIfAborted, toError, Turns } from '@peerweave/interface'
import { contextFrom } from '@peerweave/libp2p'
import { isMultiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { Activity } from './activity.ts'
import { Announcer } from './announcer.ts'
import { Answers, type AskOptions, type FindOptions } from './answers.ts'
import { ask } from './asking.ts'
import { Connections } from './connections.ts'
import { CONFIRMED_FOR, START_PATIENCE } from './constants.ts'
import { Departures } from './departures.ts'
import { EndpointLog } from './endpoint-log.ts'
import { endpointExplanation, explanation, type Explanation } from './explain.ts'
import { GuardedEventEmitter } from './guarded-events.ts'
import { Intake } from './intake.ts'
import { Lane, type LaneStatus } from './lane.ts'
import { Lanes } from './lanes.ts'
import { metricsOf, multiMetrics, type MultiMetrics } from './metrics.ts'
import { resolveEntry, resolveOptions, type Asked, type MechanismEntry, type MultiOptions, type ResolvedMultiOptions } from './options.ts'
import { recordSource } from './record-source.ts'
import { RefusalLog } from './refusal-log.ts'
import { contentRouting, peerRouting } from './routing.ts'
import type {
  Change, DiscoverOptions, DiscoveryMechanism, FindPeerOptions, Logger, MechanismContext, MechanismFactory, MechanismStatus, PeerInfo,
  PeerQuery, PeerStore, Sighting
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { AccessList } from './access-list.ts'
import type { Multi, MultiEvents } from './api.ts'
import type { Origin } from './origin.ts'
import type { Refusal, RefusalReason } from './pipeline.ts'

/**
 * @throws TypeError naming a wrong option
 */
export function multi (options: MultiOptions): MechanismFactory<Multi> {
  const resolved = resolveOptions(options)
  return components => new MultiMechanism(contextFrom(components), resolved)
}

/** One start-to-stop span. */
interface Session {
  readonly controller: AbortController
  saidGoodbye: boolean
  /** Since when it has been suspended, monotonic ms. */
  suspendedAt: number | undefined
}

class MultiMechanism extends GuardedEventEmitter<MultiEvents> implements Multi {
  readonly name: string
  readonly type = 'multi'
  readonly capabilities: DiscoveryMechanism['capabilities']
  readonly store: PeerStore
  readonly #context: MechanismContext
  readonly #options: ResolvedMultiOptions
  readonly #log: Logger
  readonly #access: AccessList
  readonly #lanes: Lanes
  readonly #intake: Intake
  readonly #answers: Answers
  readonly #refusals = new RefusalLog()
  readonly #departures = new Departures()
  readonly #endpointLog = new EndpointLog()
  readonly #connections: Connections
  readonly #activity: Activity
  readonly #announcer: Announcer
  readonly #metrics: MultiMetrics
  #session: Session | undefined
  #state: MechanismStatus['state'] = 'stopped'
  readonly #turns = new Turns()
  /** Calls of stop: a start that waited for its turn while one came is not wanted any more. */
  #stops = 0
  #rounds = 0
  #failures = 0
  #sightings = 0

  constructor (context: MechanismContext, options: ResolvedMultiOptions) {
    super((error, type) => this.#log.error('a listener of %s failed - %e', type, error))
    const { name, clock, rng, peerTimeout } = options
    const { ports } = context
    const store = this.store = options.makeStore()
    const access = this.#access = options.makeAccess()
    this.name = name
    this.#options = options
    this.#log = context.logger.forComponent(`peerweave:${name}`)
    this.#context = { ...context, records: recordSource({ store, clock, rng }) }
    this.#connections = new Connections({ host: ports.host, store, access, log: this.#log, check: () => this.#activity.judgement.check() })
    this.#metrics = multiMetrics(metricsOf(context), { prefix: `peerweave_${name}`, statuses: () => this.mechanisms() })
    this.#lanes = new Lanes(clock)
    this.#activity = new Activity({
      ...options,
      host: ports.host,
      store,
      access,
      lanes: this.#lanes,
      log: this.#log,
      warmConnections: options.warmStart,
      stamp: () => this.#intake.stamp(),
      onReturn: () => this.#announcer.renew()
    })
    this.#intake = new Intake({
      ports,
      store,
      clock,
      access,
      peerTimeout,
      isConfirmed: id => clock.wall() - (store.peek(id)?.lastSeen ?? -Infinity) < CONFIRMED_FOR,
      log: this.#log,
      quarantine: this.#activity.judgement.quarantine,
      endpoints: this.#activity.endpoints,
      endpointLog: this.#endpointLog,
      refuse: (refusal, origin) => this.#refuse(refusal, origin),
      onDue: at => this.#activity.dueAt(at),
      onFresh: async (id, { path }) => {
        this.#metrics.fresh(path)
        await this.#connections.recall(id)
        this.#activity.found()
      }
    })
    for (const entry of options.mechanisms) this.#lanes.addStopped(this.#lane(entry))
    this.#answers = new Answers({ lanes: this.#lanes, store, clock })
    this.#announcer = new Announcer({ host: ports.host, clock, lanes: this.#lanes, isAwake: () => this.#session?.suspendedAt == null })
    const mechanisms = [...this.#lanes].map(({ mechanism }) => mechanism)
    const routesContent = options.routing ?? mechanisms.some(mechanism => mechanism[contentRoutingSymbol] != null)
    this.capabilities = Object.freeze({ announce: false, peerRouting: true, contentRouting: routesContent, passive: true })
    // Properties of the instance: an exported class cannot declare a member under another package's symbol (TS9038).
    const find = async (id: PeerId, { signal }: FindOptions): Promise<PeerInfo> => await this.find(id, { signal })
    Object.defineProperty(this, peerRoutingSymbol, { value: peerRouting({ lanes: this.#lanes, store, access, clock, find }) })
    if (routesContent) Object.defineProperty(this, contentRoutingSymbol, { value: contentRouting(this.#lanes, access) })
    // libp2p checks at construction that the services a service needs are there.
    const needs = new Set(mechanisms.flatMap(mechanism => (mechanism as { [serviceDependencies]?: string[] })[serviceDependencies] ?? []))
    Object.defineProperty(this, serviceDependencies, { value: [...needs] })
  }

  get [Symbol.toStringTag] (): string {
    return '@peerweave/multi'
  }

  // — life cycle: every hook goes to every mechanism, and none of them can hold the node up —

  async beforeStart (): Promise<void> {
    await this.#lanes.hook('beforeStart', START_PATIENCE)
  }

  async start (): Promise<void> {
    const stops = this.#stops
    await this.#turns.take(async () => {
      if (this.#session != null || this.#stops !== stops) return
      const session: Session = { controller: new AbortController(), saidGoodbye: false, suspendedAt: undefined }
      this.#enter('starting')
      await this.#context.ports.start()
      try {
        await this.store.start()
      } catch (error) {
        await this.#context.ports.stop()
        this.#enter('stopped')
        throw error
      }
      this.#session = session
      this.#tell(this.store.changes).catch(error => this.#log.error('no more news from the store - %e', toError(error)))
      this.#connections.follow(session.controller.signal)
      const started = this.#lanes.hook('start', START_PATIENCE)
      this.#activity.start()
      await started
      if (!session.saidGoodbye) this.#announcer.start()
      this.#enter('running')
      this.#activity.warmUp()
    })
  }

  async afterStart (): Promise<void> {
    await this.#lanes.hook('afterStart', START_PATIENCE)
  }

  async beforeStop (): Promise<void> {
    const session = this.#session
    if (session == null || session.saidGoodbye) return
    session.saidGoodbye = true
    await this.#announcer.stop()
    await this.#lanes.hook('beforeStop', limits.lifecycleDeadline)
  }

  async stop (): Promise<void> {
    this.#stops++
    await this.#turns.take(async () => {
      const session = this.#session
      if (session == null) return
      this.#enter('stopping')
      await this.beforeStop()
      this.#session = undefined
      session.controller.abort(new NotStartedError(`${this.name} was stopped`))
      this.#activity.stop()
      try {
        await this.#lanes.hook('stop', limits.lifecycleDeadline)
        await this.store.stop()
      } finally {
        await this.#context.ports.stop()
        this.#enter('stopped')
      }
    })
  }

  async afterStop (): Promise<void> {
    await this.#lanes.hook('afterStop', limits.lifecycleDeadline)
  }

  // — answers —

  async * peers (query?: PeerQuery): AsyncGenerator<PeerInfo> {
    yield * this.store.getPeers(query)
  }

  async * discover (options: AskOptions = {}): AsyncGenerator<PeerInfo> {
    yield * this.#answers.discover(options, this.#sessionOrThrow().controller.signal)
  }

  async find (id: PeerId, options: FindOptions = {}): Promise<PeerInfo> {
    return await this.#answers.find(id, options, this.#sessionOrThrow().controller.signal)
  }

  explain (about: PeerId | Multiaddr): Explanation {
    if (isMultiaddr(about)) return endpointExplanation(about, this.#endpointLog.of(about))
    if (!isPeerId(about)) throw new TypeError(`explain takes a peer id or a multiaddr, got ${show(about)}`)
    const { clock } = this.#options
    return explanation({
      peerId: about,
      peer: this.store.peek(about),
      evidence: this.store.evidence(about),
      refusals: this.#refusals.of(about),
      departure: this.#departures.of(about),
      quarantined: this.#activity.judgement.quarantine.get(about),
      isDenied: !this.#access.isWelcome(about),
      isSuspected: this.#activity.judgement.isSuspected(about),
      toWall: at => clock.wall() - clock.now() + at
    })
  }

  mechanisms (): ReadonlyMap<string, LaneStatus> {
    return new Map([...this.#lanes].map(lane => [lane.name, lane.status()]))
  }

  refusals (): Record<string, Partial<Record<RefusalReason, number>>> {
    return this.#refusals.counts()
  }

  // — control at run time —

  async add (entry: MechanismFactory | MechanismEntry): Promise<string> {
    const lane = this.#lane(resolveEntry(entry, this.#options))
    await this.#lanes.add(lane, START_PATIENCE)
    this.#announcer.announceTo(lane)
    return lane.name
  }

  async remove (name: string): Promise<boolean> {
    const lane = this.#lanes.get(name)
    if (lane == null) return false
    await this.#announcer.withdrawFrom(lane)
    await this.#lanes.remove(lane, limits.lifecycleDeadline)
    return true
  }

  pause (name: string): boolean {
    const lane = this.#lanes.get(name)
    lane?.pause()
    return lane != null
  }

  resume (name: string): boolean {
    const lane = this.#lanes.get(name)
    if (lane == null) return false
    this.#lanes.resume(lane)
    this.#announcer.announceTo(lane)
    return true
  }

  suspend (): void {
    const session = this.#sessionOrThrow()
    if (session.suspendedAt != null) return
    session.suspendedAt = this.#options.clock.now()
    this.#activity.stop()
  }

  wake (): void {
    const session = this.#sessionOrThrow()
    if (session.suspendedAt == null) return
    this.store.hold(this.#options.clock.now() - session.suspendedAt)
    session.suspendedAt = undefined
    this.#activity.start()
    this.#activity.warmUp()
    this.#announcer.renew()
  }

  async deny (id: PeerId): Promise<void> {
    this.#access.deny(idOf('deny', id))
    await this.forget(id)
    await this.#context.ports.host.close(id, 'denied')
  }

  allow (id: PeerId): void {
    this.#access.allow(idOf('allow', id))
  }

  async forget (id: PeerId): Promise<void> {
    await this.store.removePeer(idOf('forget', id))
    this.#refusals.forget(id)
    this.#departures.forget(id)
    this.#activity.judgement.quarantine.release(id)
  }

  async clear (): Promise<void> {
    await this.store.clear()
    this.#refusals.clear()
    this.#departures.clear()
    this.#endpointLog.clear()
    this.#activity.judgement.quarantine.clear()
  }

  // — as a mechanism of an outer multi —

  async * discoverPeers ({ limit = limits.sightingsPerRound, namespace, signal }: DiscoverOptions = {}): AsyncGenerator<Sighting> {
    yield * this.#round(limit, { namespace, signal })
  }

  async * findPeer (peer: PeerId, { signal }: FindPeerOptions = {}): AsyncGenerator<Sighting> {
    for await (const sighting of this.#round(Infinity, { signal, peer })) {
      if (sighting.kind !== 'endpoint' && sighting.peerId.equals(peer)) yield sighting
    }
  }

  status (): MechanismStatus {
    const lanes = [...this.#lanes].map(lane => lane.status())
    const dropped: Record<string, number> = Object.create(null)
    for (const counts of Object.values(this.#refusals.counts())) {
      for (const [reason, count] of Object.entries(counts)) dropped[reason] = (dropped[reason] ?? 0) + count
    }
    const isDegraded = lanes.some(({ state, isBroken }) => isBroken || state === 'degraded' || state === 'stopped')
    return {
      state: this.#state === 'running' && isDegraded ? 'degraded' : this.#state,
      sightings: this.#sightings,
      rounds: this.#rounds,
      failures: this.#failures,
      lastError: lanes.find(({ lastError }) => lastError != null)?.lastError,
      dropped: Object.freeze(dropped)
    }
  }

  async * #round (limit: number, { signal, ...options }: { namespace?: string | undefined, signal?: AbortSignal | undefined, peer?: PeerId }):
  AsyncGenerator<Sighting> {
    const session = this.#sessionOrThrow()
    throwIfAborted(signal)
    const { clock } = this.#options
    using end = clock.deadline(limits.roundDeadline, session.controller.signal, signal)
    this.#rounds++
    if (limit <= 0) return
    let given = 0
    try {
      for await (const sighting of ask([...this.#lanes], { ...options, limit, clock, signal: end.signal })) {
        yield sighting
        if (++given >= limit) return
      }
    } catch (error) {
      this.#failures++
      throw error
    }
    throwIfAborted(signal)
  }

  /** A lane for a mechanism that is made now. */
  #lane ({ mechanism, interval, maxPeersPerRound }: Asked & { mechanism: MechanismFactory }): Lane {
    const { clock, rng } = this.#options
    return new Lane(mechanism(this.#context), {
      clock,
      rng,
      log: this.#log,
      interval,
      maxPeersPerRound,
      take: async (sighting, origin) => {
        // What was said while we were away is older than it seems.
        this.#activity.judgement.check()
        const taken = await this.#intake.take(sighting, origin)
        if (taken == null || 'later' in taken) return taken
        this.#sightings++
        this.#metrics.sighting(origin.path)
        return taken
      },
      onNews: sighting => this.safeDispatchEvent('sighting', { detail: sighting }),
      onDropped: ({ name }, count) => this.#refusals.count(name, 'queue-full', count),
      onRound: ({ name }, { ms, outcome }) => this.#metrics.round(name, ms / 1_000, outcome),
      onStatus: lane => this.safeDispatchEvent('mechanism:status', { detail: { name: lane.name, status: lane.status() } })
    })
  }

  #refuse (refusal: Refusal, origin: Origin): void {
    this.#refusals.add({ ...refusal, source: origin.path, at: this.#options.clock.wall() })
    this.#metrics.refused(origin.path, refusal.reason)
  }

  /** Turns changes of the store into events, until the store stops. */
  async #tell (changes: AsyncIterable<Change>): Promise<void> {
    for await (const change of changes) {
      this.#metrics.view({ peers: this.store.size })
      if (change.kind === 'missed') continue
      const { peer, cause } = change
      if (cause.kind === 'connection' || cause.kind === 'silence') this.#countConnected()
      if (change.kind === 'updated') {
        this.safeDispatchEvent('peer:update', { detail: { peer, previous: change.previous, cause } })
        continue
      }
      if (change.kind === 'new') this.#departures.forget(peer.peerId)
      else this.#departures.add({ peer, cause, at: this.#options.clock.wall() })
      this.safeDispatchEvent(change.kind === 'new' ? 'peer:discovery' : 'peer:expire', { detail: { peer, cause } })
    }
  }

  #countConnected (): void {
    const connected = new Set(this.#context.ports.host.connections().map(({ peer }) => peer.toString())).size
    this.#metrics.view({ connected, suspected: this.#activity.judgement.status()?.suspected })
  }

  #sessionOrThrow (): Session {
    if (this.#session == null) throw new NotStartedError(`${this.name} was asked before start()`)
    return this.#session
  }

  #enter (state: MechanismStatus['state']): void {
    this.#state = state
    this.safeDispatchEvent('status', { detail: this.status() })
  }
}

function idOf (method: string, id: PeerId): PeerId {
  if (!isPeerId(id)) throw new TypeError(`${method} takes a peer id, got ${show(id)}`)
  return id
}
