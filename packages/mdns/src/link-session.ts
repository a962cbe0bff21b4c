/** Everything that runs on one interface between start and stop. */
import { MdnsError, type Claim, type DropCounter, type Reporter, type Session, type Timer } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { parseAnswer } from './answer.ts'
import { PeerCache, type Statement } from './cache.ts'
import { News } from './news.ts'
import { addressesFor } from './own-addresses.ts'
import { Querier } from './querier.ts'
import { serviceQuery, type OwnNames } from './query.ts'
import { Responder } from './responder.ts'
import { openTransport, type DecodedPacket, type Transport } from './transport.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Link, PacketSource } from './network.ts'
import type { ResolvedOptions } from './options.ts'

export interface LinkSessionInit {
  options: ResolvedOptions
  link: Link
  peerName: string
  self: PeerId
  session: Session
  drop: DropCounter
}

export class LinkSession {
  readonly #init: LinkSessionInit
  readonly #own: OwnNames
  readonly #transport: Transport
  readonly #cache: PeerCache
  readonly #news: News
  readonly #querier: Querier
  readonly #responder: Responder
  #due: { at: number, timer: Timer } | undefined

  /** @throws MdnsError when the interface has no multicast */
  static async open (init: LinkSessionInit): Promise<LinkSession> {
    const { options: { network, port, serviceTag, clock }, link, session, drop } = init
    let opened: LinkSession | undefined
    const transport = await openTransport({
      network,
      link,
      port,
      serviceTag,
      clock,
      drop,
      onQuery: packet => { if (opened != null) opened.#responder.onQuery(packet) },
      onResponse: (packet, from) => { if (opened != null) opened.#onResponse(packet, from) },
      onError: error => {
        drop('socket-error')
        const failure = new MdnsError(`mdns on ${link.address} (${link.name}): ${error.message}`, { cause: error })
        // A failed task is how a session is told that it is degraded.
        session.background(async () => { throw failure })
      }
    })
    opened = new LinkSession(init, transport)
    return opened
  }

  private constructor (init: LinkSessionInit, transport: Transport) {
    const { options: { serviceTag, ttl, clock, rng }, peerName, session, drop } = init
    this.#init = init
    this.#own = { serviceTag, instance: `${peerName}.${serviceTag}`, ttlSeconds: ttl / 1_000 }
    this.#transport = transport
    this.#cache = new PeerCache(rng, drop)
    this.#news = new News({
      clock,
      cache: this.#cache,
      tell: statement => {
        const claim = this.#claim(statement)
        if (claim != null) session.sight(claim)
      }
    })
    this.#querier = new Querier({ clock, rng, send: () => { void transport.query(serviceQuery(serviceTag)) } })
    this.#responder = new Responder({ clock, rng, own: this.#own, send: packet => transport.respond(packet) })
    session.background(signal => this.#querier.run(signal))
  }

  /** Asks, and yields what is known and what comes within the window. */
  async * round (signal: AbortSignal): AsyncGenerator<Claim, void> {
    this.#querier.ask()
    for await (const statement of this.#news.listen(this.#init.options.queryWindow, signal)) {
      const claim = this.#claim(statement)
      if (claim != null) yield claim
    }
  }

  /** Announces those of our addresses that fit the link, and nothing else from now on. Resolves when the goodbyes are out. */
  async announce (addresses: readonly Multiaddr[]): Promise<void> {
    await this.#responder.announce(addressesFor(this.#init.link, this.#init.self, addresses))
  }

  async close (): Promise<void> {
    this.#due?.timer.cancel()
    this.#responder.close()
    await this.#transport.close()
  }

  #onResponse (packet: DecodedPacket, { address: source }: PacketSource): void {
    const { options: { serviceTag, clock }, self, drop } = this.#init
    const { present, departed } = parseAnswer(packet, { serviceTag, drop })
    const before = this.#cache.last
    const now = clock.now()
    for (const peer of present) {
      // Our own packets come back to us.
      if (peer.peerId.equals(self)) continue
      const statement = this.#cache.hear(source, peer, now)
      if (statement != null) this.#news.add(statement)
    }
    for (const departure of departed) {
      if (departure.instance !== this.#own.instance) this.#cache.hearGoodbye(source, departure, now)
    }
    // Whatever changes the cache has a number of its own; what changes nothing must not make us look through it.
    if (this.#cache.last !== before) this.#arm()
  }

  #arm (): void {
    const { clock } = this.#init.options
    const at = this.#cache.next
    if (at === this.#due?.at) return
    this.#due?.timer.cancel()
    this.#due = at === Infinity ? undefined : { at, timer: clock.setTimeout(() => this.#tick(), at - clock.now()) }
  }

  #tick (): void {
    const { options: { clock }, session } = this.#init
    this.#due = undefined
    const { isRefreshDue, withdrawn } = this.#cache.tick(clock.now())
    for (const { statement, isGone } of withdrawn) {
      session.sight({
        kind: 'withdraw',
        peerId: statement.peerId,
        ...(isGone ? {} : { multiaddrs: [...statement.multiaddrs.values()] }),
        reporter: this.#reporter(statement)
      })
    }
    if (isRefreshDue) this.#querier.ask()
    this.#arm()
  }

  /** What is left of a statement; nothing once it has lapsed. */
  #claim (statement: Statement): Claim | undefined {
    const { peerId, multiaddrs, ttl, heardAt, source } = statement
    const left = Math.ceil(ttl - (this.#init.options.clock.now() - heardAt))
    if (left <= 0 || multiaddrs.size === 0) return
    // Where the packet came from is the one thing that its sender did not merely say: those addresses come first.
    const isVouchedFor = (address: Multiaddr): boolean => address.getComponents()[0]?.value === source
    const [vouchedFor, others] = [[...multiaddrs.values()].filter(isVouchedFor), [...multiaddrs.values()].filter(address => !isVouchedFor(address))]
    return { kind: 'claim', peerId, multiaddrs: [...vouchedFor, ...others], ttl: left, reporter: this.#reporter(statement) }
  }

  #reporter ({ source }: Statement): Reporter {
    const { link, options: { port } } = this.#init
    return { remoteAddr: multiaddr(`/ip4/${source}/udp/${port}`), interface: link.name }
  }
}
