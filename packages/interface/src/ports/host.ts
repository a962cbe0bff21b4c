/** The port on connections: who is connected, and the only way to dial. */
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import type { ReporterScope } from '../address-scope.ts'

export interface HostConnection {
  readonly peer: PeerId
  readonly remoteAddr: Multiaddr
  readonly direction: 'inbound' | 'outbound'
  /** Relayed, with a bound on time and bytes. */
  readonly limited: boolean
  /** Round trip in ms; `undefined` until the first ping. */
  readonly rtt?: number | undefined
}

/** What the other side said of itself. `envelope` is its signed peer record as received, not yet verified by us. */
export interface Identified {
  peer: PeerId
  remoteAddr: Multiaddr
  listenAddrs: Multiaddr[]
  protocols: string[]
  agentVersion?: string | undefined
  protocolVersion?: string | undefined
  envelope?: Uint8Array | undefined
}

export interface HostEvents {
  /** A connection opened (there may be several per peer). */
  connect: CustomEvent<HostConnection>
  /** The last connection of a peer closed. */
  disconnect: CustomEvent<PeerId>
  identify: CustomEvent<Identified>
  /** Our own addresses changed. They are empty until the first of these. */
  addresses: CustomEvent<Multiaddr[]>
}

export interface Signer {
  readonly peerId: PeerId
  sign: (data: Uint8Array) => Promise<Uint8Array>
}

export interface DialOptions {
  /**
   * On whose word this is dialled. What a name resolves to must be what that one may report; literal addresses are the
   * caller's to vet. @default 'public'
   */
  reporter?: ReporterScope | undefined
  /**
   * The addresses are somebody's word, and no dial of ours ever reached the peer at one of them: each target is dialled at
   * most once a minute, and one on the internet is left alone for an hour after three failures, whoever is said to be there.
   *
   * @default false
   */
  isHearsay?: boolean | undefined
  /** ms, over all addresses, waiting for a place not included; at most `limits.dialTimeoutMax`. @default `limits.dialTimeout` */
  timeout?: number | undefined
  signal?: AbortSignal | undefined
}

export interface Host {
  readonly self: PeerId
  readonly signer: Signer
  addresses: () => Multiaddr[]
  connections: () => HostConnection[]
  /**
   * Dials these addresses and no others; at most `limits.addressesPerDial`, all with the same `/p2p` id or none. Names
   * are resolved first and the address policy is applied to what they resolve to. An open connection is returned.
   *
   * @throws NetworkError when no address could be reached, with the cause
   * @throws UnauthenticatedError when another peer answered than the one named
   * @throws LimitExceededError when too many dials wait already, or hearsay led there lately (with `retryAfter`)
   * @throws TypeError when the addresses name different peers or ourselves, or there are none or too many
   */
  dial: (target: Multiaddr[], options?: DialOptions) => Promise<HostConnection>
  close: (peer: PeerId, reason?: string) => Promise<void>
  /**
   * Whether a peer is there: the round trip of one ping, ms, over a connection that is open. Never dials. One ping a peer
   * is in flight at most; who asks meanwhile joins it, and has the time since it was sent.
   *
   * @throws ConnectionClosedError when there is no connection, or it goes away
   * @throws NotFoundError when the peer does not speak ping: it is there, and cannot be judged by pings
   * @throws NetworkError when the peer is there and refuses: it ended the ping without an answer
   * @throws SerializationError when what it answered is not what it was sent
   * @throws AbortError or TimeoutError with the signal, which is the only bound on the time
   */
  ping: (peer: PeerId, options: { signal: AbortSignal }) => Promise<number>
  readonly events: TypedEventTarget<HostEvents>
}
