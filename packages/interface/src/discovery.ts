/**
 * What a discovery mechanism is and what it says.
 *
 * A mechanism reports facts ({@link Sighting}s) and nothing else: it stamps no time, claims no trust, and never reads
 * the peer store. `multi` turns sightings into evidence.
 */
import type { contentRoutingSymbol, ContentRouting, PeerId, peerRoutingSymbol, PeerRouting, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'

/** The kind of mechanism. The five known ones have priors of their own; any other string is a user's. */
export type DiscoveryType = 'dht' | 'mdns' | 'gossip' | 'bootstrap' | 'dns' | (string & {})

/** One fact, as a mechanism learnt it. */
export type Sighting = Claim | Withdrawal | Endpoint

/** "This peer is at these addresses, and you may believe it for `ttl`." */
export interface Claim {
  kind: 'claim'
  peerId: PeerId
  multiaddrs: Multiaddr[]
  /** Milliseconds, greater than 0; clamped to `limits.ttlMin … limits.ttlMax` by whoever keeps it. */
  ttl: number
  reporter?: Reporter | undefined
  protocols?: string[] | undefined
  /** A libp2p signed envelope with payload type 0x0301 (libp2p specs, RFC 0002 and 0003). */
  signedPeerRecord?: Uint8Array | undefined
  metadata?: ReadonlyMap<string, string> | undefined
}

/** A goodbye. It takes back what the same source claimed, all of it or the named addresses, and nothing else. */
export interface Withdrawal {
  kind: 'withdraw'
  peerId: PeerId
  multiaddrs?: Multiaddr[] | undefined
  reporter?: Reporter | undefined
}

/** An address whose peer is not known yet (an SRV record without TXT): its id is learnt by dialling it. */
export interface Endpoint {
  kind: 'endpoint'
  multiaddr: Multiaddr
  /** Milliseconds, greater than 0. */
  ttl: number
  reporter?: Reporter | undefined
}

/**
 * Who told the mechanism. What is absent is unknown; nothing here is guessed. A sighting without any of it is a
 * stranger's: only public addresses are believed of it.
 */
export interface Reporter {
  /** The user named it in the configuration: private and loopback addresses are meant. */
  configured?: boolean | undefined
  /** The authenticated peer that said it. */
  peer?: PeerId | undefined
  /** The address that the packet or connection came from. */
  remoteAddr?: Multiaddr | undefined
  /** The local interface that it arrived on. */
  interface?: string | undefined
  /** The DNS domain that it was read from. */
  domain?: string | undefined
}

/** What `multi` asks a mechanism to announce: ourselves. */
export interface SelfRecord {
  peerId: PeerId
  /** Addresses already filtered by scope for this mechanism. */
  multiaddrs: Multiaddr[]
  protocols?: string[] | undefined
  signedPeerRecord?: Uint8Array | undefined
  metadata?: ReadonlyMap<string, string> | undefined
}

/** What a mechanism can do. Data, not methods that throw: `multi` and the compliance suite read it. */
export interface Capabilities {
  /** `announceSelf` and `withdrawSelf` are there. */
  announce: boolean
  /** It can look a single peer up: `findPeer` or the peer routing symbol is there. */
  peerRouting: boolean
  /** It can find providers of content: the content routing symbol is there. */
  contentRouting: boolean
  /** It also hears of peers without being asked, and says so in `sighting` events. */
  passive: boolean
}

/** What a mechanism is up to. Counters start at 0 with the mechanism and only grow. */
export interface MechanismStatus {
  state: 'stopped' | 'starting' | 'running' | 'degraded' | 'stopping'
  /** Sightings given out, asked for or not. */
  sightings: number
  rounds: number
  /** Rounds that ended in an error (an aborted round is not one). */
  failures: number
  lastError?: Error | undefined
  /** Input dropped, by reason. The reasons are a closed set per mechanism, so this cannot grow with the input. */
  dropped: Readonly<Record<string, number>>
}

export interface MechanismEvents {
  sighting: CustomEvent<Sighting>
  status: CustomEvent<MechanismStatus>
}

export interface DiscoverOptions {
  namespace?: string | undefined
  /** Stop after this many sightings. Default: the mechanism's own bound (`limits.sightingsPerRound`). */
  limit?: number | undefined
  signal?: AbortSignal | undefined
}

export interface FindPeerOptions {
  signal?: AbortSignal | undefined
}

export interface AnnounceOptions {
  namespace?: string | undefined
  signal?: AbortSignal | undefined
}

/**
 * A way to find peers. The contract is DESIGN §4 and `@peerweave/compliance` checks it.
 *
 * - Constructing does no I/O and starts no timer. `start` and `stop` may be called twice and in any order; after `stop`
 *   has resolved there is no timer, socket, listener or event left, and `start` works again.
 * - What was asked for is yielded by {@link discoverPeers}; what nobody asked for is a `sighting` event. Never both.
 * - The own peer id is never reported. Hostile input is dropped and counted in {@link status}.
 */
export interface DiscoveryMechanism<Events extends MechanismEvents = MechanismEvents> extends Startable, TypedEventTarget<Events> {
  /** Unique among the mechanisms of one `multi`. */
  readonly name: string
  readonly type: DiscoveryType
  readonly capabilities: Capabilities

  /**
   * One active round. Yields in order of arrival, may repeat a peer, ends when the round is done, when `limit` is
   * reached or when the mechanism stops. Throws `NotStartedError` before `start`, `AbortError` when `signal` fires.
   */
  discoverPeers: (options?: DiscoverOptions) => AsyncIterable<Sighting>

  /** Looks one peer up. Ends empty when nobody knows it. */
  findPeer?: ((id: PeerId, options?: FindPeerOptions) => AsyncIterable<Sighting>) | undefined

  /** Announces us. Resolves with how long (ms) the announcement stands; `multi` renews it at 7/8 of that. */
  announceSelf?: ((self: SelfRecord, options?: AnnounceOptions) => Promise<{ ttl: number }>) | undefined

  /** Takes the announcement back (goodbye). */
  withdrawSelf?: ((options?: AnnounceOptions) => Promise<void>) | undefined

  status: () => MechanismStatus

  readonly [peerRoutingSymbol]?: Partial<PeerRouting> | undefined
  readonly [contentRoutingSymbol]?: Partial<ContentRouting> | undefined
}
