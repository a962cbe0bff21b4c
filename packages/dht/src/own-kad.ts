/**
 * A kad-dht of our own, given the node's parts as it should see them. It decides nothing about addresses, dials or what
 * is kept: each of those goes through one of these stand-ins.
 */
import {
  addressScope, DhtError, LimitExceededError, limits, mayReport, nextTurn, reporterScope, setLatest, shuffle, throwIfAborted,
  type Clock, type DropCounter, type Host, type Reporter, type Rng
} from '@peerweave/interface'
import type { NodeComponents } from '@peerweave/libp2p'
import { ANSWER_BYTES, MOST_READ, REWRITE_AFTER, SWEEP_INTERVAL } from './constants.ts'
import { Admission } from './admission.ts'
import type { Beliefs } from './beliefs.ts'
import { Dialler, rankOf } from './dialler.ts'
import { ipGroup } from './ip-group.ts'
import { ASKED, isKad, type AskOptions, type Kad } from './kad.ts'
import { SoundRecords } from './sound-records.ts'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { bytes as compare } from 'multiformats'
import type { KadDHTComponents } from '@libp2p/kad-dht'
import type { AbortOptions, Connection, IdentifyResult, Logger, Peer, PeerId, PeerInfo, PeerStore, Stream, Topology } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { CID } from 'multiformats/cid'
import type { ResolvedKad } from './options.ts'

/** libp2p's components, those of them that kad-dht takes. */
export type KadNode = NodeComponents & KadDHTComponents

export interface OwnKadInit {
  node: KadNode
  host: Host
  options: ResolvedKad
  clock: Clock
  rng: Rng
  drop: DropCounter
  beliefs: Beliefs
  log: Logger
  /** A peer that nobody asked for, and whose word it is. */
  onPeer: (peer: PeerInfo, reporter: Reporter) => void
}

/** Where an answer comes from. */
interface Origin {
  readonly reporter: Reporter
  readonly isAsked: boolean
  /** Peers that it has told of. */
  told: number
}

/** Where kad-dht's network writes a request and reads the answer. */
const READ = '_writeReadMessage'
/** … and where it writes what nobody answers. */
const WRITE = '_writeMessage'
/** Of kad-dht's tags the one of its contacts … */
const CONTACT_TAG = 'kad-peer'
/** … and the one that makes libp2p dial them by itself, past every policy of ours. */
const KEEP_ALIVE = 'keep-alive-kad-dht'

export class OwnKad {
  readonly kad: Kad
  readonly records: SoundRecords
  readonly #init: OwnKadInit
  readonly #beliefs: Beliefs
  readonly #dialler: Dialler
  readonly #admission: Admission
  /** By stream and by peer told of; what kad-dht is done with is garbage. */
  readonly #origins = new WeakMap<object, Origin>()
  /** Addresses on their way into the peer store, by peer: kad-dht looks there right after it was told. */
  readonly #writing = new Map<string, Promise<unknown>>()
  /** When an address was last written there, by peer and address: answers repeat themselves. BOUNDED by `limits.dhtBelieved`. */
  readonly #written = new Map<string, number>()
  /** Whose connection a provider announced itself on. BOUNDED by `limits.dhtReporters`: the oldest goes. */
  readonly #providers = new Map<string, Reporter>()
  #signal: AbortSignal | undefined
  /** What others are told of us in place of the node's addresses. */
  advertised: readonly Multiaddr[] | undefined

  /** @throws TypeError when what the factory makes is no kad-dht */
  constructor (init: OwnKadInit) {
    this.#init = init
    const { node, host, options, drop, clock, rng, beliefs } = init
    this.#beliefs = beliefs
    this.#dialler = new Dialler({
      host,
      connectionManager: node.connectionManager,
      peerStore: { get: async peer => {
        await this.#writing.get(peer.toString())
        return await node.peerStore.get(peer)
      } },
      beliefs: this.#beliefs,
      rng,
      // kad-dht keeps who does not answer until a bucket is full. Where it was wrong, it hears of the peer again.
      onUnreachable: peer => { this.#remove(peer) }
    })
    this.#admission = new Admission({
      self: host.self, limits: options.diversity, dialler: this.#dialler, drop, remove: peer => { this.#remove(peer) }
    })
    this.records = new SoundRecords({
      inner: node.datastore,
      prefix: options.datastorePrefix,
      self: host.self,
      ttl: options.providerTtl,
      clock,
      rng,
      drop,
      isKnown: async peer => await node.peerStore.has(idOf(peer)),
      groupOf: peer => this.#networkOf(peer),
      selectors: () => this.kad.selectors
    })
    const made = options.factory({
      protocol: options.protocol,
      // Never left out: kad-dht then changes its mind with every address, and listens for ever.
      clientMode: options.mode !== 'server',
      peerInfoMapper: peer => ({ ...peer, multiaddrs: peer.multiaddrs.filter(address => this.#isUsed(address)) }),
      kBucketSize: options.k,
      alpha: options.alpha,
      disjointPaths: options.disjointPaths,
      querySelfInterval: options.selfLookupInterval,
      initialQuerySelfInterval: options.firstSelfLookup,
      validators: options.validators,
      selectors: options.selectors,
      datastorePrefix: options.datastorePrefix,
      logPrefix: options.logPrefix,
      metricsPrefix: options.metricsPrefix,
      // It only sweeps: what is ours is announced by us, and never gets as old as this.
      reprovide: { threshold: 0, validity: options.providerTtl, interval: Math.min(SWEEP_INTERVAL, options.providerTtl) }
    })(this.#stands())
    if (!isKad(made)) throw new TypeError('kad must make a kad-dht')
    this.kad = made
    this.#nameReporters()
    this.#guardAddresses()
  }

  get contacts (): number {
    return this.kad.routingTable?.size ?? this.#admission.size
  }

  async start (signal: AbortSignal): Promise<void> {
    const { node, options } = this.#init
    this.#signal = signal
    this.#dialler.start(signal)
    this.kad.addEventListener('peer', this.#onPeer)
    node.events.addEventListener('peer:identify', this.#onIdentify)
    await this.records.count()
    throwIfAborted(signal) // a stop that did not wait for this would leave it running
    await this.kad.start?.()
    if (options.mode === 'auto') {
      node.events.addEventListener('self:peer:update', this.#onSelfUpdate)
      this.#onSelfUpdate()
    }
  }

  async stop (): Promise<void> {
    const { events } = this.#init.node
    events.removeEventListener('self:peer:update', this.#onSelfUpdate)
    events.removeEventListener('peer:identify', this.#onIdentify)
    this.kad.removeEventListener('peer', this.#onPeer)
    try {
      await this.kad.stop?.()
      // kad-dht leaves its handler behind.
      await this.#init.node.registrar.unhandle(this.#init.options.protocol).catch(() => {})
    } finally {
      this.#signal = undefined
      this.#admission.clear()
    }
  }

  /** Those of our addresses that others in this DHT are told. */
  ownAddresses (): Multiaddr[] {
    return (this.advertised ?? this.#init.node.addressManager.getAddresses()).filter(address => this.#isUsed(address))
  }

  /** Who said that this peer provides something, when it said so to us. */
  reporterOf (provider: PeerId): Reporter | undefined {
    return this.#providers.get(provider.toString())
  }

  /** Who told us that it provides a key, and where it is. */
  async * providersOf (key: CID): AsyncGenerator<PeerInfo> {
    for await (const id of this.records.providersOf(key)) yield { id, multiaddrs: await this.#dialler.addresses(id) }
  }

  /** What the peer store knows of a peer and may be dialled. */
  async addresses (peer: PeerId): Promise<Multiaddr[]> {
    return await this.#dialler.addresses(peer)
  }

  /** Whether an address is one that this DHT is about, before the question on whose word. */
  #isUsed (address: Multiaddr): boolean {
    const scope = addressScope(address)
    return scope !== 'never' && (this.#init.options.addresses === 'any' || scope === 'public' || scope === 'name')
  }

  #remove (peer: PeerId): void {
    this.kad.routingTable?.remove?.(peer).catch(error => this.#init.log.error('could not remove %p - %e', peer, error))
  }

  #networkOf (peer: string): string | undefined {
    const remoteAddr = this.#dialler.open(idOf(peer))?.remoteAddr
    if (remoteAddr == null) return undefined
    // A private network is as many parties as it has hosts.
    return ipGroup(remoteAddr) ?? remoteAddr.getComponents()[0]?.value
  }

  // — the parts of the node, as kad-dht sees them —

  #stands (): KadDHTComponents {
    const { node } = this.#init
    const stands: Partial<Record<string, unknown>> = {
      peerStore: this.#peerStore(),
      datastore: this.records,
      connectionManager: this.#connectionManager(),
      registrar: this.#registrar(),
      addressManager: standIn(node.addressManager, {
        getAddresses: () => this.ownAddresses()
      }),
      ping: {
        // Looked up when it is used: while the node is being built it may not be there yet.
        ping: (peer: PeerId, options?: { signal?: AbortSignal }) => {
          return this.#admission.ping(peer, options?.signal, () => node.ping.ping(peer, options))
        }
      }
    }
    return new Proxy(node, {
      get: (target, key) => typeof key === 'string' && Object.hasOwn(stands, key) ? stands[key] : Reflect.get(target, key)
    })
  }

  #peerStore (): PeerStore {
    const { peerStore } = this.#init.node
    return standIn(peerStore, {
      get: async (peer, options) => {
        await this.#writing.get(peer.toString())
        return await peerStore.get(peer, options)
      },
      // Whom kad-dht tells of when it is asked for a value it does not put through its mapper.
      getInfo: async (peer, options) => {
        const { id, multiaddrs } = await peerStore.getInfo(peer, options)
        return { id, multiaddrs: multiaddrs.filter(address => this.#isUsed(address)) }
      },
      merge: async (peer, data, options) => {
        const { tags, multiaddrs, ...rest } = data
        if (multiaddrs != null) return await this.#keep(peer, this.#providerAddresses(peer, multiaddrs), options) // and nothing else
        const kept = tags && Object.fromEntries(Object.entries(tags).filter(([tag]) => tag !== KEEP_ALIVE))
        try {
          return await peerStore.merge(peer, {
            ...rest,
            ...(kept != null && { tags: kept })
          }, options)
        } finally {
          // Also when the peer store has no place, or no time: kad-dht's table has changed by now.
          if (tags != null && CONTACT_TAG in tags) {
            if (tags[CONTACT_TAG] == null) this.#admission.removed(peer)
            else await this.#admission.added(peer)
          }
        }
      }
    })
  }

  /** A provider says where it is, on a connection of its own. */
  #providerAddresses (peer: PeerId, addresses: readonly Multiaddr[]): Multiaddr[] {
    const reporter = this.#reporterBy(this.#dialler.open(peer), peer)
    setLatest(this.#providers, peer.toString(), reporter, limits.dhtReporters)
    return this.#beliefs.believe(peer, addresses, reporter)
  }

  #connectionManager (): ConnectionManager {
    const { connectionManager } = this.#init.node
    return standIn(connectionManager, {
      // kad-dht asks of addresses without saying whose they are.
      isDialable: async (target, options) => {
        return await connectionManager.isDialable([target].flat().map(address => this.#beliefs.named(address)), options)
      },
      openStream: async (target, protocol, options = {}) => {
        const peer = target as PeerId // kad-dht knows peers by id alone
        const connection = await this.#dialler.connect(peer, options.signal)
        const stream: Stream = await connection.newStream(protocol, options)
        this.#boundAnswer(stream)
        this.#origins.set(stream, {
          reporter: this.#reporterBy(connection, peer),
          isAsked: (options as Partial<AskOptions>)[ASKED] === true,
          told: 0
        })
        return stream
      }
    })
  }

  #boundAnswer (stream: Stream): void {
    let heard = 0
    stream.addEventListener('message', ({ data }) => {
      heard += data.byteLength
      if (heard <= ANSWER_BYTES) return
      this.#init.drop('answer-too-long')
      stream.abort(new LimitExceededError(`an answer of more than ${ANSWER_BYTES} bytes`))
    })
  }

  /** What a newcomer's identify said must be in the peer store before kad-dht looks. */
  #registrar (): Registrar {
    const { registrar } = this.#init.node
    return standIn(registrar, {
      register: async (protocol: string, topology: Topology) => await registrar.register(protocol, {
        ...topology,
        onConnect: (peer, connection) => {
          const session = this.#signal
          void (async () => {
            await nextTurn()
            await this.#writing.get(peer.toString())
            if (session === this.#signal) await topology.onConnect?.(peer, connection)
          })()
        }
      })
    })
  }

  #reporterBy (connection: Connection | undefined, peer: PeerId): Reporter {
    return connection == null ? { peer } : { peer, remoteAddr: connection.remoteAddr }
  }

  // — what is heard —

  /**
   * kad-dht tells of peers without telling whose word they are. Where its answers are read, the stream is known, and so is
   * who is at the other end. A version that reads elsewhere still works, with public addresses alone.
   */
  #nameReporters (): void {
    const network: { [READ]?: ReadMessage, safeDispatchEvent?: Dispatch } | undefined = this.kad.network
    const read = network?.[READ]
    if (network == null || typeof read !== 'function' || typeof network.safeDispatchEvent !== 'function') {
      this.#init.log('this kad-dht does not say whose word its peers are: only public addresses are believed')
      return
    }
    network[READ] = async (stream, message, options) => {
      const origin = this.#origins.get(stream)
      const named: object = Object.create(network, {
        safeDispatchEvent: {
          value: (type: string, init: { detail: object }): boolean => {
            if (origin != null) {
              if (++origin.told > limits.dhtPeersPerAnswer) {
                this.#init.drop('too-many-peers')
                return false
              }
              this.#origins.set(init.detail, origin)
            }
            return network.safeDispatchEvent?.(type, init) ?? false
          }
        }
      })
      return await read.call(named, stream, message, options)
    }
  }

  // — what is told —

  /**
   * Nobody is told an address that he could not believe of us: on the internet nobody learns of our site. kad-dht gives
   * every asker the same, so what it answers, and what it sends of its own, is looked at on its way out.
   */
  #guardAddresses (): void {
    const { network, rpc }: { network?: { [WRITE]?: WriteMessage }, rpc?: { handleMessage?: HandleMessage } } = this.kad
    const write = network?.[WRITE]
    const handle = rpc?.handleMessage
    if (network == null || typeof write !== 'function' || rpc == null || typeof handle !== 'function') {
      this.#init.log('this kad-dht tells everybody every address that it uses')
      return
    }
    network[WRITE] = async (stream, message, options) => {
      const told = toldTo(this.#origins.get(stream)?.reporter, message)
      if (message.providers != null && told.providers?.length === 0) throw new DhtError('none of our addresses is for whoever is there')
      await write.call(network, stream, told, options)
    }
    rpc.handleMessage = async (peer, message) => {
      const answer = await handle.call(rpc, peer, readOf(peer, message))
      return answer && toldTo(this.#reporterBy(this.#dialler.open(peer), peer), answer)
    }
  }

  /** kad-dht finds out whom it can reach by pinging them, and looks in the peer store for where. */
  readonly #onPeer = ({ detail }: CustomEvent<PeerInfo>): void => {
    if (detail.id.equals(this.#init.host.self)) return
    const origin = this.#origins.get(detail)
    const reporter = origin?.reporter ?? {}
    this.#write(detail.id, this.#beliefs.believe(detail.id, detail.multiaddrs, reporter))
    if (origin?.isAsked !== true) this.#init.onPeer(detail, reporter)
  }

  /**
   * A newcomer says where it listens. With `peerweaveDefaults` libp2p keeps none of it that is private: it does not know
   * on whose word it is.
   */
  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    if (!detail.protocols.includes(this.#init.options.protocol)) return
    const { peerId, listenAddrs, connection } = detail
    this.#write(peerId, this.#beliefs.believe(peerId, listenAddrs, { peer: peerId, remoteAddr: connection.remoteAddr }))
  }

  #write (peer: PeerId, multiaddrs: Multiaddr[]): void {
    const id = peer.toString()
    const now = this.#init.clock.now()
    const keys = multiaddrs.map(address => `${id} ${address}`)
    if (keys.every(key => (this.#written.get(key) ?? -Infinity) > now - REWRITE_AFTER)) return
    for (const key of keys) setLatest(this.#written, key, now, limits.dhtBelieved)
    const writing = Promise.resolve(this.#writing.get(id))
      .then(() => this.#keep(peer, multiaddrs))
      .catch(error => this.#init.log('could not keep the addresses of %p - %e', peer, error))
      .finally(() => { if (this.#writing.get(id) === writing) this.#writing.delete(id) })
    this.#writing.set(id, writing)
  }

  /** In the peer store, of which the addresses of one peer have no bound: of too many those on the best grounds stay. */
  async #keep (peer: PeerId, multiaddrs: Multiaddr[], options?: AbortOptions): Promise<Peer> {
    const { node: { peerStore }, rng } = this.#init
    const known = await Promise.resolve(peerStore.get(peer, options)).then(({ addresses }) => addresses, () => [])
    const all = new Map(multiaddrs.map(multiaddr => [multiaddr.toString(), { multiaddr, isCertified: false }]))
    for (const address of known) all.set(address.multiaddr.toString(), address)
    if (all.size <= limits.addressesPerPeer) return await peerStore.merge(peer, { multiaddrs }, options)
    const addresses = shuffle(rng, [...all.values()])
      .sort((a, b) => rankOf(peer, b, this.#beliefs) - rankOf(peer, a, this.#beliefs))
      .slice(0, limits.addressesPerPeer)
    return await peerStore.patch(peer, { addresses }, options)
  }

  /** In mode `auto` we serve while strangers can reach us. */
  readonly #onSelfUpdate = (): void => {
    const isPublic = this.#init.node.addressManager.getAddresses()
      .some(address => addressScope(address) === 'public' && !address.toString().includes('/p2p-circuit'))
    const mode = isPublic ? 'server' : 'client'
    if (this.kad.getMode() === mode) return
    this.kad.setMode(mode).catch(error => this.#init.log.error('could not become a DHT %s - %e', mode, error))
  }
}

/** kad-dht's message, as far as it is looked at. */
interface KadMessage {
  closer?: WirePeer[] | undefined
  providers?: WirePeer[] | undefined
}

interface WirePeer {
  id: Uint8Array
  multiaddrs: Uint8Array[]
}

/** What of it somebody at this place may be told: no more than he may report himself. */
function toldTo (asker: Reporter | undefined, message: KadMessage): KadMessage {
  const scope = reporterScope(asker)
  const tell = (peers: WirePeer[] | undefined): WirePeer[] | undefined => peers
    ?.map(peer => ({ ...peer, multiaddrs: peer.multiaddrs.filter(bytes => mayReport(scope, addressScope(multiaddr(bytes)))) }))
    .filter(({ multiaddrs }) => multiaddrs.length > 0)
  return { ...message, closer: tell(message.closer), providers: tell(message.providers) }
}

/** What of a request is read: kad-dht heeds of its providers the sender alone, but would keep him once for each mention. */
function readOf (sender: PeerId, message: KadMessage): KadMessage {
  const id = sender.toMultihash().bytes
  const own = message.providers?.find(provider => compare.equals(provider.id, id))
  return { ...message, closer: [], providers: own == null ? [] : [{ ...own, multiaddrs: own.multiaddrs.slice(0, MOST_READ) }] }
}

type HandleMessage = (peer: PeerId, message: KadMessage) => Promise<KadMessage | undefined>
type WriteMessage = (stream: Stream, message: KadMessage, options: unknown) => Promise<void>
type ReadMessage = (stream: Stream, message: unknown, options: unknown) => Promise<unknown>
type Dispatch = (type: string, init: { detail: object }) => boolean

/** `target` with some of its methods replaced; the others are called on itself, since libp2p's classes have private fields. */
function standIn<T extends object> (target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get (inner, key) {
      if (Object.hasOwn(replaced, key)) return Reflect.get(replaced, key)
      const value: unknown = Reflect.get(inner, key)
      return typeof value === 'function' ? value.bind(inner) : value
    }
  })
}

function idOf (text: string): PeerId {
  return peerIdFromString(text)
}
