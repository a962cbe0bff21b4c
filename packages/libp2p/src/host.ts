/** The host port: who is connected, and dials that go where they were told and nowhere else. */
import { setMaxListeners, TypedEventEmitter } from 'main-event'
import {
  addressScope, endpointOf, LimitExceededError, limits, mayReport, NetworkError, NotStartedError, numberOption, safeText, show, Slots, targetPeer, throwIfAborted, TimeoutError, toError,
  UnauthenticatedError, type Clock, type DialOptions, type Host, type HostConnection, type HostEvents, type Identified, type ReporterScope, type Signer
} from '@peerweave/interface'
import { policyOf } from './dial-policy.ts'
import { DialTargets } from './dial-targets.ts'
import { NodePing } from './ping.ts'
import { needsLookUp, type ResolveAddress } from './resolve-address.ts'
import type { Connection, IdentifyResult, Logger, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DialPolicy } from './dial-policy.ts'
import type { NodeComponents } from './node-components.ts'

/**
 * How libp2p says that somebody else answered: the upgrader keeps only the words of noise and TLS. Its
 * `EncryptionFailedError` alone also means a connection lost in mid-handshake, which accuses nobody.
 */
const WRONG_PEER = /expected remote identity|unexpected peer/i

/** When a dial must be done, on the clock that its signal runs by. */
interface DialDeadline {
  signal: AbortSignal
  at: number
}

/** On whose word somebody is dialled. */
interface DialGrounds {
  peer: string | undefined
  reporter: ReporterScope
  isHearsay: boolean
}

export interface HostInit {
  clock: Clock
  resolve: ResolveAddress
}

export class NodeHost implements Host {
  readonly self: PeerId
  readonly signer: Signer
  readonly events: TypedEventEmitter<HostEvents> = new TypedEventEmitter()
  readonly #components: NodeComponents
  readonly #clock: Clock
  readonly #resolve: ResolveAddress
  readonly #policy: DialPolicy | undefined
  readonly #log: Logger
  /** More dials waiting than connections we would hold are pointless. */
  readonly #budget = new Slots(limits.parallelDials, limits.connections)
  /** Half of them at the most are for hearsay: who names us a thousand silent addresses does not take all places with them. */
  readonly #hearsay = new Slots(limits.parallelDials / 2, limits.connections)
  readonly #targets: DialTargets
  readonly #ping: NodePing
  #session: AbortController | undefined
  /** Our addresses as last told, so that only changes are. */
  #told = ''

  constructor (components: NodeComponents, { clock, resolve }: HostInit) {
    const { peerId, privateKey } = components
    this.self = peerId
    this.signer = { peerId, sign: async data => await privateKey.sign(data) }
    this.#components = components
    this.#clock = clock
    this.#resolve = resolve
    this.#targets = new DialTargets(clock)
    this.#ping = new NodePing(components, { clock })
    this.#log = components.logger.forComponent('peerweave:host')
    this.#policy = policyOf(components.connectionGater)
    if (this.#policy != null) this.#policy.self = peerId
  }

  attach (): void {
    this.#session = new AbortController()
    setMaxListeners(Infinity, this.#session.signal) // one per dial, each taken back
    this.#told = spell(this.addresses())
    this.#ping.attach()
    const { events } = this.#components
    events.addEventListener('connection:open', this.#onOpen)
    events.addEventListener('peer:disconnect', this.#onDisconnect)
    events.addEventListener('peer:identify', this.#onIdentify)
    events.addEventListener('self:peer:update', this.#onSelfUpdate)
  }

  /** Gives the listeners back and ends the dials and pings under way. */
  detach (): void {
    this.#session?.abort(new NotStartedError('the ports were stopped'))
    this.#session = undefined
    this.#ping.detach()
    const { events } = this.#components
    events.removeEventListener('connection:open', this.#onOpen)
    events.removeEventListener('peer:disconnect', this.#onDisconnect)
    events.removeEventListener('peer:identify', this.#onIdentify)
    events.removeEventListener('self:peer:update', this.#onSelfUpdate)
  }

  addresses (): Multiaddr[] {
    return this.#components.addressManager.getAddresses()
  }

  connections (): HostConnection[] {
    return this.#components.connectionManager.getConnections().filter(({ status }) => status === 'open').map(hostConnection)
  }

  async ping (peer: PeerId, options: { signal: AbortSignal }): Promise<number> {
    return await this.#ping.ping(peer, options)
  }

  async close (peer: PeerId, reason?: string): Promise<void> {
    this.#log('closing connections of %p: %s', peer, safeText(reason ?? 'no reason given'))
    await this.#components.connectionManager.closeConnections(peer)
  }

  async dial (targets: Multiaddr[], { signal, reporter = 'public', timeout, isHearsay = false }: DialOptions = {}): Promise<HostConnection> {
    const duration = numberOption('timeout', timeout, limits.dialTimeout, { min: 1, max: limits.dialTimeoutMax })
    if (this.#session == null) throw new NotStartedError('dial before the ports were started')
    throwIfAborted(signal)
    const peer = this.#peerOf(targets)
    const open = this.#components.connectionManager.getConnections()
      .find(connection => connection.remotePeer.toString() === peer && connection.status === 'open' && connection.direct)
    if (open != null) return hostConnection(open)

    using cancel = this.#clock.deadline(Infinity, signal, this.#session.signal)
    const release = await this.#place(isHearsay, cancel.signal)
    const at = this.#clock.now() + duration
    using deadline = this.#clock.deadline(duration, cancel.signal)
    try {
      return hostConnection(await this.#connect(targets, { peer, reporter, isHearsay }, { signal: deadline.signal, at }))
    } catch (error) {
      throwIfAborted(cancel.signal)
      throw dialError(targets, toError(deadline.signal.aborted ? deadline.signal.reason : error))
    } finally {
      release()
    }
  }

  async #place (isHearsay: boolean, signal: AbortSignal): Promise<() => void> {
    if (!isHearsay) return await this.#budget.take(signal)
    const leave = await this.#hearsay.take(signal)
    try {
      const release = await this.#budget.take(signal)
      return () => {
        release()
        leave()
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** The one peer that all targets name, if they name one. */
  #peerOf (targets: Multiaddr[]): string | undefined {
    if (targets.length === 0 || targets.length > limits.addressesPerDial) {
      throw new TypeError(`dial takes 1 to ${limits.addressesPerDial} addresses, got ${targets.length}`)
    }
    const [peer, ...others] = new Set(targets.map(targetPeer))
    if (others.length > 0) throw new TypeError(`dial takes addresses of one peer, got ${list(targets)}`)
    if (peer === this.self.toString()) throw new TypeError('dial got our own peer id')
    for (const target of targets) {
      // libp2p would take a bare id, also for other addresses that it cannot use, as "whatever the peer store knows".
      const [first] = target.getComponents()
      if (first == null || first.name === 'p2p') throw new TypeError(`dial takes addresses, got ${show(target)}`)
    }
    return peer
  }

  async #connect (targets: Multiaddr[], { peer, reporter, isHearsay }: DialGrounds, deadline: DialDeadline): Promise<Connection> {
    const { connectionManager } = this.#components
    const dialable = await this.#dialable(targets, peer, reporter, deadline.signal)
    const addresses = isHearsay ? this.#targets.free(dialable) : dialable
    if (addresses.length === 0) throw this.#dialledLately(dialable)
    for (const address of addresses) this.#policy?.vet(address, undefined, reporter)
    const before = new Set(connectionManager.getConnections())
    const connection = await this.#firstOf(addresses, deadline, isHearsay)
    const { remoteAddr, remotePeer } = connection
    if (addresses.some(address => endpointOf(address) === endpointOf(remoteAddr))) return connection
    // libp2p joined our dial to another one of the same peer, which may go where we would not.
    const isOthers = before.has(connection) || connection.direction === 'inbound'
    const isAllowed = mayReport(reporter, addressScope(remoteAddr)) || this.#policy?.permits(remoteAddr, remotePeer) === true
    if (isOthers || isAllowed) return connection
    throw new NetworkError(`reached only at ${safeText(remoteAddr)}, which was not asked for`)
  }

  /**
   * One after the other, as libp2p does, but each with half of the time that is left, and the last with all of it: a
   * silent address leaves time for the next, and a single one has it all.
   */
  async #firstOf (addresses: Multiaddr[], { signal, at }: DialDeadline, isHearsay: boolean): Promise<Connection> {
    const errors: Error[] = []
    const held = new Set<string>()
    for (const [i, address] of addresses.entries()) {
      // Another dial may have taken its turn meanwhile.
      if (isHearsay && !this.#targets.take(address, held)) continue
      const left = at - this.#clock.now()
      using share = this.#clock.deadline(i === addresses.length - 1 ? left : left / 2, signal)
      try {
        return await this.#components.connectionManager.openConnection([address], { signal: share.signal })
      } catch (error) {
        // Given up by whoever wanted it: that says nothing of the target.
        const isGivenUp = signal.aborted && !(signal.reason instanceof TimeoutError)
        if (isHearsay && !isGivenUp) this.#targets.failed(address)
        if (signal.aborted) throw error
        const cause = toError(share.signal.aborted ? share.signal.reason : error)
        errors.push(...(cause instanceof AggregateError ? cause.errors as Error[] : [cause]))
      }
    }
    const [first, ...others] = errors
    if (first == null) throw this.#dialledLately(addresses)
    throw others.length === 0 ? first : new AggregateError(errors, 'no address could be reached')
  }

  #dialledLately (addresses: Multiaddr[]): Error {
    return new LimitExceededError(`${list(addresses)} was dialled on hearsay lately`, { retryAfter: this.#targets.wait(addresses) })
  }

  /** Literal addresses that the policy allows, in the order of the targets; at least one. */
  async #dialable (targets: Multiaddr[], peer: string | undefined, reporter: ReporterScope, signal: AbortSignal): Promise<Multiaddr[]> {
    const results = await Promise.allSettled(targets.map(async target => {
      if (!needsLookUp(target)) return addressScope(target) === 'never' ? [] : [target]
      const resolved = await this.#resolve(target, { signal })
      return resolved
        .filter(({ scope }) => mayReport(reporter, scope) || this.#policy?.permitsScope(scope) === true)
        .map(({ address }) => address)
    }))
    const found = results.flatMap(result => result.status === 'fulfilled' ? result.value : [])
    const [first] = found
    if (first == null) {
      throw results.find(result => result.status === 'rejected')?.reason ?? new NetworkError('the address policy allows none')
    }
    // One /dnsaddr without an id may stand for many peers; a dial is of one.
    const chosen = peer ?? targetPeer(first)
    return found.filter(address => targetPeer(address) === chosen).slice(0, limits.addressesPerDial)
  }

  readonly #onOpen = ({ detail }: CustomEvent<Connection>): void => {
    // Also when it came to us: a machine that connects is there, whatever was said to be at its address.
    this.#targets.reached(detail.remoteAddr, detail.direction === 'outbound' ? detail.remotePeer : undefined)
    this.events.safeDispatchEvent<HostConnection>('connect', { detail: hostConnection(detail) })
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
    this.events.safeDispatchEvent<PeerId>('disconnect', { detail })
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const session = this.#session
    // The event has the record parsed; the envelope as it was signed is in the peer store by now.
    this.#components.peerStore.get(detail.peerId).then(({ peerRecordEnvelope }) => peerRecordEnvelope, () => undefined).then(envelope => {
      if (this.#session === session) this.events.safeDispatchEvent<Identified>('identify', { detail: identified(detail, envelope) })
    }).catch(error => this.#log.error('a listener of identify failed - %e', error))
  }

  /** libp2p says so several times at a start, also when nothing changed. */
  readonly #onSelfUpdate = (): void => {
    const addresses = this.addresses()
    const told = spell(addresses)
    if (told === this.#told) return
    this.#told = told
    this.events.safeDispatchEvent<Multiaddr[]>('addresses', { detail: addresses })
  }
}

function hostConnection ({ remotePeer, remoteAddr, direction, limits, rtt }: Connection): HostConnection {
  return { peer: remotePeer, remoteAddr, direction, limited: limits != null, rtt }
}

/** Bounded here, because identify alone takes up to ten messages of 8 KiB. */
function identified (result: IdentifyResult, envelope: Uint8Array | undefined): Identified {
  return {
    peer: result.peerId,
    remoteAddr: result.connection.remoteAddr,
    listenAddrs: result.listenAddrs.slice(0, limits.addressesPerClaim),
    protocols: result.protocols.filter(({ length }) => length <= limits.protocolBytes).slice(0, limits.protocolsPerPeer),
    agentVersion: result.agentVersion?.slice(0, limits.agentBytes),
    protocolVersion: result.protocolVersion?.slice(0, limits.agentBytes),
    envelope: envelope != null && envelope.length <= limits.peerRecordBytes ? envelope : undefined
  }
}

function dialError (targets: Multiaddr[], cause: Error): Error {
  if (cause instanceof LimitExceededError) return cause // nothing was dialled
  const errors: Error[] = cause instanceof AggregateError ? cause.errors : [cause]
  const isWrongPeer = errors.length > 0 && errors.every(({ message }) => WRONG_PEER.test(message))
  return isWrongPeer
    ? new UnauthenticatedError(`another peer answered at ${list(targets)}`, { cause })
    : new NetworkError(`could not reach ${list(targets)}: ${safeText(cause.message)}`, { cause })
}

function list (addresses: Multiaddr[]): string {
  return addresses.map(address => safeText(address)).join(', ')
}

function spell (addresses: Multiaddr[]): string {
  return addresses.map(String).sort().join(' ')
}
