/** The mechanism: which DHT, life cycle, what is put together. */
import { serviceCapabilities, serviceDependencies, type PeerId } from '@libp2p/interface'
import {
  defineMechanism, dropCounter, limits, NotStartedError, type Claim, type Dht, type DiscoveryMechanism, type MechanismContext,
  type MechanismFactory, type Reporter, type Session
} from '@peerweave/interface'
import { mechanismModule, policyOf, type NodeComponents } from '@peerweave/libp2p'
import { Announcing } from './announcing.ts'
import { Beliefs } from './beliefs.ts'
import { bootstrapping } from './bootstrapping.ts'
import { RENEW_AT } from './constants.ts'
import { givenKad, type Kad } from './kad.ts'
import { resolveOptions, type DhtOptions, type ResolvedOptions } from './options.ts'
import { OwnKad, type KadNode } from './own-kad.ts'
import { peerKey } from './provider-key.ts'
import { Queries } from './queries.ts'
import { discover } from './round.ts'
import { routingOf } from './routing.ts'
import type { SelectFn, ValidateFn } from '@libp2p/kad-dht'

/** Figures of one DHT, as they are now. */
export interface DhtMetrics {
  readonly mode: 'client' | 'server'
  /** Contacts in the routing table. */
  readonly tableSize: number
  /** Provider records and values kept for others; `undefined` of a service that is not ours. */
  readonly storedProviders: number | undefined
  readonly storedValues: number | undefined
  /** Keys and values that we announce again and again. */
  readonly announced: number
  /** Those of them that fewer than `replicationFactor` confirmed, the last time. */
  readonly wanting: number
  /** How many confirmed the last provider record that we sent; `undefined` before the first. */
  readonly lastConfirmations: number | undefined
}

/** How values of one namespace are judged. */
export interface RecordRules {
  /** Throws when a value is not to be kept or believed. */
  validate: ValidateFn
  /** Index of the best of several values. In a DHT of our own also what keeps an older one from replacing a newer one. */
  select: SelectFn
}

export interface DhtMechanism extends DiscoveryMechanism {
  /** Values, providers and look-ups, with confirmations. Throws `NotStartedError` before `start`. */
  readonly dht: Dht
  metrics: () => DhtMetrics
  /** Values whose key begins with `/<namespace>/` are kept and believed by these rules from now on. */
  acceptRecords: (namespace: string, rules: RecordRules) => void
}

/**
 * Finds peers in a Kademlia DHT and lets them find us: in a kad-dht of our own, or in one that is a service of the node's.
 *
 * A round asks for the namespace's providers, then for peers near random keys and near ourselves; it fails with `DhtError`
 * while nobody is in the routing table. Announcing provides the namespace and our own id; it fails when nobody confirmed.
 *
 * @throws TypeError naming an option that is wrong
 * @throws InvalidBootstrapNodeError naming a wrong address
 */
export function dht (options: DhtOptions = {}): MechanismFactory<DhtMechanism> {
  const resolved = resolveOptions(options)
  const { clock, rng, interval, service } = resolved
  return (components: MechanismContext | NodeComponents) => {
    const isService = !('ports' in components)
    // The app's kad-dht tells libp2p of peers and routes for it: what it finds for us is heard there already.
    return mechanismModule(context => dhtMechanism(context, resolved, isService), { interval, clock, rng, isDiscovery: service === undefined })(components)
  }
}

/** What runs between start and stop. */
interface Running {
  readonly kad: Kad
  readonly queries: Queries
  readonly announcing: Announcing
  readonly contacts: () => number
}

/** @param isService - of a libp2p node, and not within `multi`: then nobody else announces us */
function dhtMechanism (context: MechanismContext, options: ResolvedOptions, isService: boolean): DhtMechanism {
  if (context.libp2p == null) throw new TypeError('dht stands on libp2p’s kad-dht, so it needs a libp2p node around it')
  const node = context.libp2p as KadNode
  const { ports: { host } } = context
  const { clock, rng, service } = options
  const { dropped, drop } = dropCounter()
  const log = context.logger.forComponent(`peerweave:${options.name}`)
  const beliefs = new Beliefs({ policy: policyOf(node.connectionGater), isPublicOnly: options.kad.addresses === 'public', drop })
  const validators: Record<string, ValidateFn> = { ...options.kad.validators }
  const selectors: Record<string, SelectFn> = { ...options.kad.selectors }
  /** Ours, from the first start on: it registers its metrics when it is made. */
  let own: OwnKad | undefined
  let running: Running | undefined
  let session: Session | undefined
  let hasMetrics = false

  const runningOrThrow = (): Running => {
    if (running == null) throw new NotStartedError(`${options.name} is not started`)
    return running
  }

  const reporterOf = (peer: PeerId): Reporter => {
    const connection = node.connectionManager.getConnections(peer).find(({ status }) => status === 'open')
    return connection == null ? { peer } : { peer, remoteAddr: connection.remoteAddr }
  }

  const sight = (peerId: PeerId, multiaddrs: Claim['multiaddrs'], reporter: Reporter): void => {
    if (multiaddrs.length === 0) return
    session?.sight({ kind: 'claim', peerId, multiaddrs: multiaddrs.slice(0, limits.addressesPerClaim), ttl: options.peerTtl, reporter: { ...reporter } })
  }

  const ownKad = (): OwnKad => own ??= new OwnKad({
    node,
    host,
    options: { ...options.kad, validators, selectors },
    clock,
    rng,
    drop,
    beliefs,
    log,
    onPeer: ({ id, multiaddrs }, reporter) => sight(id, multiaddrs, reporter)
  })

  const open = async (opened: Session): Promise<Running> => {
    const { signal } = opened
    const made = service === undefined ? ownKad() : undefined
    const kad = made?.kad ?? givenKad(node, service ?? '')
    const contacts = (): number => made?.contacts ?? kad.routingTable?.size ?? 0
    const queries = new Queries({
      kad,
      clock,
      self: host.self,
      timeout: options.queryTimeout,
      peerTtl: options.peerTtl,
      session: signal,
      contacts,
      reporterOf,
      providerReporter: peer => made?.reporterOf(peer),
      ownProviders: made == null ? undefined : key => made.providersOf(key),
      datastore: made?.records ?? node.datastore,
      datastorePrefix: options.kad.datastorePrefix
    })
    const announcing = new Announcing({
      kad,
      queries,
      self: host.self,
      addresses: () => made?.ownAddresses() ?? host.addresses(),
      clock,
      rng,
      wanted: options.replicationFactor,
      // A kad-dht of the app's repeats by itself what was provided.
      provideInterval: made == null ? Infinity : options.provideInterval,
      republishInterval: options.republishInterval,
      contacts,
      log
    })
    await made?.start(signal)
    if (made != null) await announcing.restore(made.records.own(), options.namespace)
    return { kad, queries, announcing, contacts }
  }

  /** Of a service that is not ours: what comes while we do not ask. Whose word it is, it does not say. */
  const listen = ({ kad, queries }: Running, signal: AbortSignal): void => {
    kad.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
      if (!queries.isAsking) sight(id, multiaddrs, {})
    }, { signal })
  }

  const routing = routingOf({
    name: options.name,
    queries: () => runningOrThrow().queries,
    announcing: () => runningOrThrow().announcing,
    believe: ({ peerId, multiaddrs, reporter = {} }) => beliefs.believe(peerId, multiaddrs, reporter),
    known: async peer => await own?.addresses(peer) ?? []
  })

  const metrics = (): DhtMetrics => Object.freeze({
    mode: running?.kad.getMode() ?? 'client',
    tableSize: running?.contacts() ?? 0,
    storedProviders: own?.records.stored.providers,
    storedValues: own?.records.stored.values,
    announced: running?.announcing.size ?? 0,
    wanting: running?.announcing.wanting ?? 0,
    lastConfirmations: running?.announcing.lastConfirmations
  })

  const registerMetrics = (): void => {
    if (hasMetrics) return
    hasMetrics = true
    node.metrics?.registerMetricGroup(`peerweave_${options.name.replaceAll(/\W/g, '_')}`, {
      label: 'figure',
      help: 'Contacts, records kept for others, what we announce again and again, and how many confirmed it',
      calculate: () => figures(metrics())
    })
  }

  const mechanism = defineMechanism(context, {
    name: options.name,
    type: 'dht',
    clock,
    dropped,
    passive: service === undefined || !isService || options.bootstrapNodes.length > 0,
    async open (opened) {
      session = opened
      const parts = running = await open(opened)
      const { announcing, contacts } = parts
      registerMetrics()
      if (service !== undefined && !isService) listen(parts, opened.signal)
      host.events.addEventListener('addresses', () => announcing.changed(), { signal: opened.signal })
      if (isService && options.announce) await announcing.keepAnnouncing(options.namespace)
      opened.background(signal => announcing.run(signal))
      if (options.bootstrapNodes.length > 0) {
        opened.background(signal => bootstrapping({
          nodes: options.bootstrapNodes, host, clock, rng, session: opened, contacts, peerTtl: options.peerTtl
        }, signal))
      }
    },
    beforeClose: async () => running?.announcing.withdraw(),
    async close () {
      running = undefined
      session = undefined
      await own?.stop()
    },
    async * round (round) {
      const { queries } = runningOrThrow()
      yield * discover({ queries, namespace: round.namespace ?? options.namespace, walks: options.walks, self: host.self, rng }, round)
    },
    async * findPeer (id, { signal }) {
      const { queries } = runningOrThrow()
      await queries.ready({ signal })
      let isFound = false
      for await (const claim of queries.peer(id, { signal })) {
        isFound = true
        yield claim
      }
      if (isFound) return
      // Who serves nobody is in nobody's table, but may have said where it is.
      for await (const claim of queries.providers(await peerKey(id), { signal })) {
        if (claim.peerId.equals(id)) yield claim
      }
    },
    async announceSelf ({ multiaddrs }, { namespace = options.namespace, signal }) {
      const { announcing } = runningOrThrow()
      if (own != null) own.advertised = [...multiaddrs]
      if (isService) await announcing.keepAnnouncing(namespace, options.provideInterval)
      await announcing.announce(namespace, signal)
      // Renewed after 7/8 of it: after our interval, then, though it stands longer.
      return { ttl: Math.min(options.granted, options.provideInterval / RENEW_AT) }
    },
    async withdrawSelf ({ namespace }) {
      if (own != null && namespace === undefined) own.advertised = undefined
      await running?.announcing.withdraw(namespace)
    },
    // Of a service that is not ours libp2p has the symbols already: with ours beside them it would ask everything twice.
    ...(service === undefined && { peerRouting: routing.peerRouting, contentRouting: routing.contentRouting })
  })

  return Object.assign(mechanism, {
    dht: routing.port,
    metrics,
    acceptRecords (namespace: string, { validate, select }: RecordRules) {
      validators[namespace] = validate
      selectors[namespace] = select
      const kad = running?.kad ?? own?.kad
      if (kad == null) return
      kad.validators[namespace] = validate
      kad.selectors[namespace] = select
    },
    ...(service === undefined && {
      [serviceCapabilities]: ['@libp2p/peer-discovery', '@libp2p/peer-routing', '@libp2p/content-routing'],
      // Checked when the node is made, where what is missing can still be named.
      [serviceDependencies]: ['@libp2p/identify', '@libp2p/ping']
    })
  })
}

/** The numbers alone, in the words that metrics are read by. */
function figures (metrics: DhtMetrics): Record<string, number> {
  return {
    table_size: metrics.tableSize,
    stored_providers: metrics.storedProviders ?? 0,
    stored_values: metrics.storedValues ?? 0,
    announced: metrics.announced,
    wanting: metrics.wanting,
    last_confirmations: metrics.lastConfirmations ?? 0
  }
}
