/**
 * The orchestrator: asks every mechanism, each in a lane of its own, takes what they say through one pipeline into one
 * store, and tells what changed.
 */
import { isPeerId, serviceDependencies } from '@libp2p/interface'
import { contextFrom } from '@peerweave/libp2p'
import { knownOptions, limits, NotStartedError, numberOption, safeText, settledOrAborted, show, throwIfAborted, toError, Turns } from '@peerweave/interface'
import { TypedEventEmitter } from 'main-event'
import { Announcer } from './announcer.ts'
import { askAll } from './asking.ts'
import { DISCOVER_DEADLINE, START_PATIENCE } from './constants.ts'
import { ExpiryTimer } from './expiry-timer.ts'
import { explanation, type Explanation } from './explain.ts'
import { Lane, type LaneStatus } from './lane.ts'
import { resolveOptions, type MultiOptions, type ResolvedMultiOptions } from './options.ts'
import { withOrigin, type Origin } from './origin.ts'
import { Pipeline, type Refusal, type RefusalReason } from './pipeline.ts'
import { recordSource } from './record-source.ts'
import { RefusalLog } from './refusal-log.ts'
import { warmStart } from './warm-start.ts'
import type {
  Change, ChangeCause, DiscoverOptions, DiscoveryMechanism, HostConnection, LifecycleHook, Logger, MechanismContext, MechanismEvents, MechanismFactory, MechanismStatus, PeerInfo, PeerQuery,
  PeerStore, Sighting
} from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export interface PeerChange {
  peer: PeerInfo
  cause: ChangeCause
  /** What was shown before, for an update. */
  previous?: PeerInfo | undefined
}

export interface MultiEvents extends MechanismEvents {
  /** A peer came into the view. */
  'peer:discovery': CustomEvent<PeerChange>
  /** Its addresses, sources, protocols, metadata, identity or connection changed. */
  'peer:update': CustomEvent<PeerChange>
  /** Nothing live is claimed of it any more, and it is not connected. `peer` is what was shown last. */
  'peer:expire': CustomEvent<PeerChange>
  'mechanism:status': CustomEvent<{ name: string, status: LaneStatus }>
}

export interface AskOptions {
  /** Stop when so many were yielded. @default Infinity */
  need?: number | undefined
  /** Only peers that speak all of these. */
  protocols?: readonly string[] | undefined
  namespace?: string | undefined
  /** ms; then the answer ends with what there is. @default {@link DISCOVER_DEADLINE} */
  deadline?: number | undefined
  signal?: AbortSignal | undefined
}

export interface Multi extends DiscoveryMechanism<MultiEvents> {
  readonly store: PeerStore
  /** The view as it is: empty before start. */
  peers: (query?: PeerQuery) => AsyncIterable<PeerInfo>
  /**
   * Asks every mechanism and yields woven peers as they come, known ones first, each once.
   *
   * @throws NoAnswersError when every mechanism failed and nothing was known
   * @throws AbortError when `signal` fires
   */
  discover: (options?: AskOptions) => AsyncIterable<PeerInfo>
  explain: (id: PeerId) => Explanation
  /** Status of each mechanism by name. */
  mechanisms: () => ReadonlyMap<string, LaneStatus>
  /** How many sightings (or parts of one) were refused, by source path and reason. */
  refusals: () => Record<string, Partial<Record<RefusalReason, number>>>
}

/**
 * @throws TypeError naming a wrong option
 */
export function multi (options: MultiOptions): MechanismFactory<Multi> {
  const resolved = resolveOptions(options)
  return components => new MultiMechanism(contextFrom(components), resolved)
}

/** One start-to-stop span. */
interface Session {
  controller: AbortController
  saidGoodbye: boolean
}

class MultiMechanism extends TypedEventEmitter<MultiEvents> implements Multi {
  readonly name: string
  readonly type = 'multi'
  readonly capabilities: DiscoveryMechanism['capabilities']
  readonly store: PeerStore
  readonly #context: MechanismContext
  readonly #options: ResolvedMultiOptions
  readonly #log: Logger
  readonly #lanes = new Map<string, Lane>()
  readonly #pipeline: Pipeline
  readonly #refusals = new RefusalLog()
  readonly #expiry: ExpiryTimer
  readonly #announcer: Announcer
  #session: Session | undefined
  #state: MechanismStatus['state'] = 'stopped'
  readonly #turns = new Turns()
  /** Calls of stop: a start that waited for its turn while one came is not wanted any more. */
  #stops = 0
  #rounds = 0
  #failures = 0
  #sightings = 0

  constructor (context: MechanismContext, options: ResolvedMultiOptions) {
    super()
    this.#context = context
    this.#options = options
    this.name = options.name
    this.store = options.store
    this.#log = context.logger.forComponent(`peerweave:${options.name}`)
    const { clock, rng, interval, maxPeersPerRound } = options
    const inner: MechanismContext = { ...context, records: recordSource({ store: options.store, clock, rng }) }
    for (const factory of options.mechanisms) {
      const lane: Lane = new Lane(factory(inner), {
        clock,
        rng,
        log: this.#log,
        interval,
        maxPeersPerRound,
        take: (sighting, origin) => this.#take(sighting, origin),
        onNews: sighting => this.safeDispatchEvent('sighting', { detail: sighting }),
        onQueueFull: ({ name }) => this.#refusals.add({ source: name, reason: 'queue-full', at: clock.wall() }),
        onStatus: lane => this.safeDispatchEvent('mechanism:status', { detail: { name: lane.name, status: lane.status() } })
      })
      if (this.#lanes.has(lane.name)) {
        throw new TypeError(`two mechanisms are named ${show(lane.name)}: give one of them another name`)
      }
      this.#lanes.set(lane.name, lane)
    }
    const mechanisms = [...this.#lanes.values()].map(({ mechanism }) => mechanism)
    this.capabilities = Object.freeze({ announce: false, peerRouting: false, contentRouting: false, passive: true })
    this.#pipeline = new Pipeline(context.ports, clock)
    this.#expiry = new ExpiryTimer(this.store, clock, error => this.#log.error('the store failed to expire - %e', toError(error)))
    this.#announcer = new Announcer(context.ports.host, clock, () => this.#lanes.values())
    // libp2p checks at construction that the services a service needs are there.
    const needs = new Set(mechanisms.flatMap(mechanism => (mechanism as { [serviceDependencies]?: string[] })[serviceDependencies] ?? []))
    Object.defineProperty(this, serviceDependencies, { value: [...needs] })
  }

  get [Symbol.toStringTag] (): string {
    return '@peerweave/multi'
  }

  // — life cycle: every hook goes to every mechanism, and none of them can hold the node up —

  async beforeStart (): Promise<void> {
    await this.#patiently('beforeStart', START_PATIENCE)
  }

  async start (): Promise<void> {
    const stops = this.#stops
    await this.#turns.take(async () => {
      if (this.#session != null || this.#stops !== stops) return
      const session: Session = { controller: new AbortController(), saidGoodbye: false }
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
      this.#followConnections(session.controller.signal)
      this.#expiry.start()
      const started = this.#patiently('start', START_PATIENCE)
      for (const lane of this.#lanes.values()) lane.open()
      await started
      if (!session.saidGoodbye) this.#announcer.start()
      this.#enter('running')
      this.#warmUp(session.controller.signal)
    })
  }

  async afterStart (): Promise<void> {
    await this.#patiently('afterStart', START_PATIENCE)
  }

  async beforeStop (): Promise<void> {
    const session = this.#session
    if (session == null || session.saidGoodbye) return
    session.saidGoodbye = true
    await this.#announcer.stop()
    await this.#patiently('beforeStop', limits.lifecycleDeadline)
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
      for (const lane of this.#lanes.values()) lane.close()
      try {
        await this.#patiently('stop', limits.lifecycleDeadline)
        this.#expiry.stop()
        await this.store.stop()
      } finally {
        await this.#context.ports.stop()
        this.#enter('stopped')
      }
    })
  }

  async afterStop (): Promise<void> {
    await this.#patiently('afterStop', limits.lifecycleDeadline)
  }

  // — answers —

  async * peers (query?: PeerQuery): AsyncGenerator<PeerInfo> {
    yield * this.store.getPeers(query)
  }

  async * discover (options: AskOptions = {}): AsyncGenerator<PeerInfo> {
    const session = this.#sessionOrThrow()
    knownOptions('discover', options, ['need', 'protocols', 'namespace', 'deadline', 'signal'])
    const { protocols, namespace, signal } = options
    if (protocols != null && !Array.isArray(protocols)) throw new TypeError(`protocols must be a list, got ${show(protocols)}`)
    throwIfAborted(signal)
    const need = numberOption('need', options.need, Infinity, { max: Infinity, integer: true })
    using end = this.#options.clock.deadline(
      numberOption('deadline', options.deadline, DISCOVER_DEADLINE, { max: Infinity }), session.controller.signal, signal
    )
    const given = new Set<string>()
    const isNew = (peer: PeerInfo): boolean => {
      const id = peer.peerId.toString()
      return !given.has(id) && (protocols ?? []).every(name => peer.protocols.includes(name)) && given.add(id) != null
    }
    if (need === 0) return
    for await (const peer of this.store.getPeers({ protocols })) {
      if (isNew(peer)) yield peer
      if (given.size >= need) return
    }
    try {
      for await (const { peerId } of askAll(this.#all(), { namespace, signal: end.signal })) {
        const peer = this.store.peek(peerId)
        if (peer != null && isNew(peer)) yield peer
        if (given.size >= need) return
      }
    } catch (error) {
      if (given.size === 0) throw error
    }
    throwIfAborted(signal)
    // Mechanisms that were told meanwhile, unasked, have answered too.
    for await (const peer of this.store.getPeers({ protocols })) {
      if (isNew(peer)) yield peer
      if (given.size >= need) return
    }
  }

  explain (id: PeerId): Explanation {
    if (!isPeerId(id)) throw new TypeError(`explain takes a peer id, got ${show(id)}`)
    const { clock } = this.#options
    return explanation(id, this.store.peek(id), this.store.evidence(id), this.#refusals.of(id), at => clock.wall() - clock.now() + at)
  }

  mechanisms (): ReadonlyMap<string, LaneStatus> {
    return new Map([...this.#lanes].map(([name, lane]) => [name, lane.status()]))
  }

  refusals (): Record<string, Partial<Record<RefusalReason, number>>> {
    return this.#refusals.counts()
  }

  // — as a mechanism of an outer multi —

  async * discoverPeers ({ limit = limits.sightingsPerRound, namespace, signal }: DiscoverOptions = {}): AsyncGenerator<Sighting> {
    const session = this.#sessionOrThrow()
    throwIfAborted(signal)
    using end = this.#options.clock.deadline(limits.roundDeadline, session.controller.signal, signal)
    this.#rounds++
    if (limit <= 0) return
    let given = 0
    try {
      for await (const sighting of askAll(this.#all(), { limit, namespace, signal: end.signal })) {
        yield sighting
        if (++given >= limit) return
      }
    } catch (error) {
      this.#failures++
      throw error
    }
    throwIfAborted(signal)
  }

  status (): MechanismStatus {
    const lanes = [...this.#lanes.values()].map(lane => lane.status())
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

  #all (): Lane[] {
    return [...this.#lanes.values()]
  }

  /** Never rejects: what cannot be taken is counted. */
  async #take (said: Sighting, origin: Origin): Promise<Sighting | undefined> {
    const checked = await this.#pipeline.check(said, origin, refusal => this.#refuse(refusal, origin))
    if (checked == null) return undefined
    try {
      if (checked.kind === 'withdraw') {
        await this.store.withdraw(checked.peerId, checked.source, checked.at, checked.multiaddrs)
      } else {
        const { evidence } = checked
        const { peerId } = evidence
        const result = await this.store.addPeer(evidence)
        if (result.outcome === 'refused') {
          this.#refuse({ reason: result.reason, peerId }, origin)
          return undefined
        }
        this.#expiry.dueAt(evidence.expiresAt)
        // It may have been connected before anybody claimed it.
        const open = result.outcome === 'new' ? this.#connectionTo(peerId) : undefined
        if (open != null) await this.#connected(open)
      }
    } catch (error) {
      this.#refuse({ reason: 'store-failed', detail: safeText(toError(error).message) }, origin)
      this.#log.error('the store failed - %e', toError(error))
      return undefined
    }
    this.#sightings++
    return withOrigin(checked.sighting, origin)
  }

  #refuse (refusal: Refusal, origin: Origin): void {
    this.#refusals.add({ ...refusal, source: origin.path, at: this.#options.clock.wall() })
  }

  /** In the background. */
  #warmUp (signal: AbortSignal): void {
    const { clock, warmStart: target } = this.#options
    const { host } = this.#context.ports
    if (target === 0) return
    warmStart({ host, store: this.store, clock, log: this.#log, target }, signal)
      .catch(error => this.#log.error('the warm start failed - %e', toError(error)))
  }

  /** Status and identity follow the real connections, and a dial of ours that reached a peer proves it. */
  #followConnections (signal: AbortSignal): void {
    const { host } = this.#context.ports
    host.events.addEventListener('connect', ({ detail: connection }) => { void this.#connected(connection) }, { signal })
    host.events.addEventListener('disconnect', ({ detail: peer }) => this.store.setConnection(peer, 'disconnected'), { signal })
    host.events.addEventListener('identify', ({ detail: { peer, protocols, agentVersion, protocolVersion } }) => {
      const known = protocols.filter(name => name.length <= limits.protocolBytes)
      this.store.setIdentity(peer, { protocols: known, agentVersion, protocolVersion })
    }, { signal })
  }

  async #connected ({ peer, remoteAddr, direction, limited }: HostConnection): Promise<void> {
    this.store.setConnection(peer, 'connected')
    if (direction === 'inbound' || limited) return
    try {
      await this.store.recordOutcome(peer, remoteAddr, 'success')
    } catch (error) {
      this.#log.error('the store failed - %e', toError(error))
    }
  }

  /** An outbound one, if there is. */
  #connectionTo (id: PeerId): HostConnection | undefined {
    const open = this.#context.ports.host.connections().filter(({ peer }) => peer.equals(id))
    return open.find(({ direction }) => direction === 'outbound') ?? open[0]
  }

  /** Turns changes of the store into events, until the store stops. */
  async #tell (changes: AsyncIterable<Change>): Promise<void> {
    for await (const change of changes) {
      if (change.kind === 'missed') continue
      const { peer, cause } = change
      if (change.kind === 'updated') {
        this.safeDispatchEvent('peer:update', { detail: { peer, previous: change.previous, cause } })
      } else {
        this.safeDispatchEvent(change.kind === 'new' ? 'peer:discovery' : 'peer:expire', { detail: { peer, cause } })
      }
    }
  }

  /** Calls a hook of every mechanism at once, and waits for them only so long. */
  async #patiently (hook: LifecycleHook, ms: number): Promise<void> {
    using deadline = this.#options.clock.deadline(ms)
    await settledOrAborted(Promise.all([...this.#lanes.values()].map(lane => lane.hook(hook))), deadline.signal)
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
