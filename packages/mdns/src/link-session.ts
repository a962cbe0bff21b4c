/** Everything that runs on one link, from the moment it is there until it goes. */
import { limits, lowerName, MdnsError, tokenBucket, type DropCounter, type Session, type Timer, type TokenBucket } from '@peerweave/interface'
import { parseAnswer, type ParsedAnswer as Heard } from './answer.ts'
import { PeerCache, type Numbering, type Statement } from './cache.ts'
import { REFRESH_AT } from './constants.ts'
import { Interest } from './interest.ts'
import { libp2pPresence } from './libp2p-presence.ts'
import { addressesFor } from './own-addresses.ts'
import { onLink } from './zones.ts'
import { packetGuard } from './packet-guard.ts'
import { Prober } from './prober.ts'
import { Querier } from './querier.ts'
import { Responder, type Form } from './responder.ts'
import { SERVICES, type Presence } from './record-set.ts'
import { ServiceBrowser } from './service-browser.ts'
import { isAskable } from './service-name.ts'
import { servicePresence, type UniquePresence } from './service-presence.ts'
import { withdrawalOf } from './sightings.ts'
import { openTransport, type DecodedPacket, type Transport } from './transport.ts'
import type { PeerId } from '@libp2p/interface'
import type { Answer } from 'dns-packet'
import type { Link } from './links.ts'
import type { PacketSource } from './network.ts'
import type { ResolvedOptions } from './options.ts'
import type { OwnRecord } from './own-record.ts'
import type { ContestedNames } from './contested-names.ts'

/** Burst of addresses that are read, in seconds of their rate. */
const READ_BURST_SECONDS = 4

export interface LinkSessionInit {
  options: ResolvedOptions
  link: Link
  /** Our label in the libp2p form. */
  peerName: string
  /** Our labels in the DNS-SD form. */
  names: ContestedNames
  self: PeerId
  session: Session
  numbering: Numbering
  drop: DropCounter
  /** Those that are open now. */
  links: () => Iterable<Link>
  /** All addresses of this machine, literals. */
  localAddresses: () => ReadonlySet<string>
  /** Whether one of our links claims this record. */
  isClaimed: (record: Answer) => boolean
  /** What an earlier session of this link said. */
  said: ReadonlyMap<Form, Presence> | undefined
  /** Something is known that was not. */
  onNews: (statement: Statement) => void
  /** One of `names` has changed. */
  onRename: () => void
}

export class LinkSession {
  readonly link: Link
  readonly cache: PeerCache
  readonly #init: LinkSessionInit
  readonly #transport: Transport
  readonly #interest: Interest
  readonly #browser: ServiceBrowser | undefined
  readonly #querier: Querier
  readonly #responder: Responder
  readonly #prober: Prober
  readonly #ended = new AbortController()
  readonly #mayRead: TokenBucket
  /** In the DNS-SD form, also while its names are being probed for. */
  #service: UniquePresence | undefined
  /** Labels of our instance and host. */
  #ownLabels: ReadonlySet<string> = new Set()
  /** Labels that the guard lets through beside those of the services. */
  #watched: ReadonlySet<string> = new Set()
  #due: { at: number, timer: Timer } | undefined
  /** The machine's addresses, looked up once for a packet. */
  #local: ReadonlySet<string> | undefined
  /** What it could not send, or what its socket failed with, is the status' business until it hears something again. */
  #recover: (() => void) | undefined

  /** @throws MdnsError when the interface has no multicast */
  static async open (init: LinkSessionInit): Promise<LinkSession> {
    const { options, link, session, drop } = init
    const { network, port, clock } = options
    let opened: LinkSession | undefined
    const interest = new Interest(lasting(init))
    const transport = await openTransport({
      network,
      link,
      port,
      guard: packetGuard({ link, port, interest, isKnown: address => opened?.cache.has(address) ?? false, otherLinks: init.links, clock, drop }),
      drop,
      onQuery: (packet, from) => { if (opened != null) opened.#onQuery(packet, from) },
      onResponse: (packet, from) => { if (opened != null) opened.#onResponse(packet, from) },
      onError: error => {
        drop('socket-error')
        const recover = session.degrade(new MdnsError(`mdns on ${link.address} (${link.name}): ${error.message}`, { cause: error }))
        if (opened == null) return
        opened.#recover?.()
        opened.#recover = recover
      }
    })
    opened = new LinkSession(init, transport, interest)
    return opened
  }

  private constructor (init: LinkSessionInit, transport: Transport, interest: Interest) {
    const { options: { serviceTag, service, ttl, clock, rng }, link, session, names, drop, numbering, isClaimed, onRename } = init
    this.link = link
    this.#init = init
    this.#transport = transport
    this.#interest = interest
    this.#mayRead = tokenBucket(limits.mdnsAddressesPerSecond, READ_BURST_SECONDS * limits.mdnsAddressesPerSecond, clock.now())
    this.cache = new PeerCache({ link, rng, drop, numbering })
    this.#browser = service === undefined ? undefined : new ServiceBrowser({ service: service.name, drop })
    this.#querier = new Querier({
      clock,
      rng,
      services: [serviceTag, service?.name.fqdn].filter(name => name !== undefined),
      known: () => this.#known(),
      send: packet => { void transport.query(packet) }
    })
    this.#responder = new Responder({ clock, rng, ttl, said: init.said, send: (packet, to) => transport.respond(packet, to) })
    this.#prober = new Prober({
      clock,
      rng,
      isOurs: record => isClaimed(record) || ((record.type === 'A' || record.type === 'AAAA') && this.#isLocal(record.data)),
      send: packet => { void transport.query(packet) },
      onConfirmed: () => { void this.#responder.publish('service', this.#service) },
      onConflict: name => {
        names.giveUp(labelOf(name))
        onRename()
      },
      onContested: () => this.#responder.forget('service')
    })
    session.background(async signal => {
      using until = clock.deadline(Infinity, signal, this.#ended.signal)
      await this.#querier.run(until.signal).catch(error => {
        if (!this.#ended.signal.aborted) throw error
      })
    })
  }

  /** What others may believe of us, unless it is taken back. */
  get said (): ReadonlyMap<Form, Presence> {
    return this.#responder.said
  }

  ask (): void {
    this.#querier.ask()
  }

  /** Whether we say this here, or are about to, in the DNS-SD form. */
  claims (record: Answer): boolean {
    return this.#prober.claims(record)
  }

  /** Announces those of our addresses that fit the link, and nothing else from now on. Resolves when the goodbyes are out. */
  async announce ({ multiaddrs, signedPeerRecord: record }: Pick<OwnRecord, 'multiaddrs' | 'signedPeerRecord'>): Promise<void> {
    const { options: { serviceTag, service, ttl }, link, peerName, names, self, localAddresses } = this.#init
    const elsewhere = new Set([...localAddresses()].filter(address => !link.addresses.includes(address)))
    const fitting = addressesFor(link, self, multiaddrs, elsewhere)
    const common = { ttlSeconds: ttl / 1_000, link, addresses: fitting, record }
    const work: Array<Promise<void>> = []
    if (serviceTag !== undefined) work.push(this.#responder.publish('libp2p', libp2pPresence({ serviceTag, peerName, ...common })))
    if (service !== undefined) work.push(this.#announceService(servicePresence({ service, names, self, ...common })))
    await Promise.all(work)
  }

  async close (): Promise<void> {
    this.#ended.abort()
    this.#recovered()
    this.#due?.timer.cancel()
    this.#querier.close()
    this.#responder.close()
    this.#prober.close()
    await this.#transport.close()
  }

  async #announceService (presence: UniquePresence | undefined): Promise<void> {
    this.#service = presence
    if (presence == null) {
      this.#prober.close()
      await this.#responder.publish('service', undefined)
    } else if (this.#prober.has(presence.unique)) {
      this.#prober.update(presence.unique)
      await this.#responder.publish('service', presence)
    } else {
      // A name that we gave up is not ours to take back.
      this.#responder.forget('service')
      this.#ownLabels = new Set(presence.unique.map(({ name }) => labelOf(name)))
      this.#watch()
      this.#prober.probe(presence.unique)
    }
  }

  #onQuery (packet: DecodedPacket, from: PacketSource): void {
    this.#recovered()
    this.#local = undefined
    this.#querier.onQuery(packet)
    this.#prober.onQuery(packet)
    this.#responder.onQuery(packet, from)
  }

  #onResponse (packet: DecodedPacket, from: PacketSource): void {
    const { options: { serviceTag, clock }, drop } = this.#init
    const now = clock.now()
    this.#recovered()
    this.#local = undefined
    const before = this.cache.last
    const own = new Set(this.#ownInstances().values())
    this.#prober.onResponse([...packet.answers, ...packet.additionals])
    if (serviceTag !== undefined) {
      const parsed = parseAnswer(packet, {
        serviceTag, drop, known: (peer, address) => this.cache.find(from.address, peer, address), mayRead: () => this.#mayRead(clock.now())
      })
      this.#hear('libp2p', this.#others(parsed, own), from, now)
    }
    if (this.#browser != null) {
      const heard = this.#browser.hear(from.address, packet, now)
      this.#hear('service', this.#others(heard, own), from, now)
      this.#querier.askFor(heard.questions)
      this.#watch()
    }
    // Whatever changes the cache has a number of its own; what changes nothing must not make us look through it.
    if (this.cache.last !== before) this.#arm()
  }

  /** Our own packets come back: that one did says that it went out. */
  #recovered (): void {
    this.#recover?.()
    this.#recover = undefined
  }

  #isLocal (address: string): boolean {
    this.#local ??= this.#init.localAddresses()
    return this.#local.has(address)
  }

  /** Without what we said ourselves, and with link-local addresses of this link. */
  #others ({ present, departed }: Heard, own: ReadonlySet<string>): Heard {
    const { link } = this.#init
    const isOthers = ({ instance }: { instance: string }): boolean => !own.has(instance)
    return {
      present: present.filter(isOthers).map(peer => ({ ...peer, multiaddrs: peer.multiaddrs.map(address => onLink(link, address)) })),
      departed: departed.filter(isOthers).map(({ instance, multiaddrs }) => ({
        instance, ...multiaddrs != null && { multiaddrs: multiaddrs.map(address => onLink(link, address)) }
      }))
    }
  }

  #hear (form: Form, { present, departed }: Heard, from: PacketSource, now: number): void {
    for (const departure of departed) this.cache.hearGoodbye(from.address, departure, now)
    for (const peer of present) {
      if (peer.peerId?.equals(this.#init.self) === true) continue
      const statement = this.cache.hear(from.address, peer, now)
      if (statement == null) continue
      this.#init.onNews(statement)
      if (statement.isNew) this.#responder.greet(form, from)
    }
  }

  /** Our names, by service. */
  #ownInstances (): Map<string, string> {
    const { options: { serviceTag, service }, peerName, names } = this.#init
    const own = new Map<string, string>()
    if (serviceTag !== undefined) own.set(serviceTag, `${peerName}.${serviceTag}`)
    if (service !== undefined) own.set(service.name.fqdn, lowerName(`${names.instance}.${service.name.fqdn}`))
    return own
  }

  /**
   * What need not be told again. Ourselves we always list, with what is left: a list that is not empty says that what is
   * missing in it is lacking, and our own question comes back to us.
   */
  #known (): Answer[] {
    const { clock } = this.#init.options
    return [...this.#ownInstances()].flatMap(([name, own]) => {
      const known = this.cache.known(name, clock.now())
      const left = this.#responder.believedFor(name)
      if (left > 0) known.set(own, { ttl: left })
      // One name that cannot be written as it was read would make the packet, and the question in it, unreadable for everyone.
      return [...known].filter(([instance]) => isAskable(instance)).map(
        ([instance, { ttl }]): Answer => ({ name, type: 'PTR', class: 'IN', ttl: Math.ceil(ttl / 1_000), data: instance })
      )
    })
  }

  /** Lets through what names a host of ours, or one whose addresses are wanted. */
  #watch (): void {
    const wanted = new Set([...this.#ownLabels, ...this.#browser?.wanted ?? []])
    // A host that has a service's name must not end our interest in that when it goes, nor one that is called as every
    // name ends make all packets concern us.
    for (const label of [...lasting(this.#init), ...EVERYWHERE]) wanted.delete(label)
    for (const label of this.#watched) if (!wanted.has(label)) this.#interest.delete(label)
    for (const label of wanted) if (!this.#watched.has(label)) this.#interest.add(label)
    this.#watched = wanted
  }

  #arm (): void {
    const { clock } = this.#init.options
    const at = this.cache.next
    if (at === this.#due?.at) return
    this.#due?.timer.cancel()
    this.#due = at === Infinity ? undefined : { at, timer: clock.setTimeout(() => this.#tick(), at - clock.now()) }
  }

  #tick (): void {
    const { options: { clock, port }, session } = this.#init
    const now = clock.now()
    this.#due = undefined
    const { refreshes, withdrawn } = this.cache.tick(now)
    for (const gone of withdrawn) {
      const withdrawal = withdrawalOf(gone, port)
      if (withdrawal != null) session.sight(withdrawal)
    }
    if (refreshes.length > 0) {
      const isLast = refreshes.some(({ agenda }) => agenda.length === 1)
      this.#querier.refresh(() => refreshes.some(statement => this.cache.stands(statement)), isLast, this.cache.size)
    }
    if (this.#browser != null) {
      this.#browser.expire(now)
      // The answer for the service brings the rest with it; who leaves it out is asked for it the next time.
      for (const { source, instance, agenda } of refreshes) {
        if (agenda.length < REFRESH_AT.length) this.#querier.askFor(this.#browser.questionsFor(source, instance))
      }
    }
    this.#arm()
  }
}

/** Labels that most packets hold. RFC 6762 §3, RFC 6763 §7. */
const EVERYWHERE: readonly string[] = ['local', '_tcp', '_udp']

/** First labels of what we look for, of the list of services, and of our host in the libp2p form. */
function lasting ({ options: { serviceTag, service }, peerName }: LinkSessionInit): string[] {
  return [serviceTag, serviceTag && peerName, service?.name.fqdn, SERVICES].filter(name => name !== undefined).map(labelOf)
}

/** The first label of a name. */
function labelOf (name: string): string {
  return lowerName(name.split('.', 1).join())
}
