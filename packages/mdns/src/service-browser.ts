/**
 * From the records that a link hears to resolved services (RFC 6763 §4 and §5). Pure of time and of sockets: every
 * method takes `now`, and what should be asked is returned.
 *
 * Anyone on the link can write here. Every source address has records of its own, so that none can flush, replace or
 * take back what another said; processes of one machine share an address, and its records.
 */
import { clampTtl, limits, type DropCounter } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { NEWS_INTERVAL, QUERY_INTERVAL } from './constants.ts'
import { isAskable, type ServiceName } from './service-name.ts'
import { serviceRecords, type ServiceRecord, type SrvRecord, type TxtRecord } from './service-records.ts'
import { readServiceText, type Faults, type ServiceText } from './service-text.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Question } from 'dns-packet'
import type { Departure, Records } from './answer.ts'

/** Addresses of either family that a host has at most: with both, `limits.addressesPerClaim`. */
const HOST_ADDRESSES = limits.addressesPerClaim / 2
/** What a flush finds older than this goes. RFC 6762 §10.2. */
const FLUSH_AGE = 1_000
/** Questions that one packet may cause. Chosen: no more than the records of an instance and the addresses of its host, twice. */
const MAX_QUESTIONS = 8
/** How often the same thing is asked for until its service is pointed to again. Chosen: as often as a lost packet is repeated. */
const MAX_ATTEMPTS = 3

/** A service that a packet says is there. */
export interface ResolvedService {
  /** Its full name, in lower case. */
  instance: string
  /** Absent when its text names no peer, or it has no text. */
  peerId?: PeerId
  /** Without `/p2p/id`; 1 to `limits.addressesPerClaim`. */
  multiaddrs: Multiaddr[]
  /** What is left of the least of its records, ms, within `limits.ttlMin … MAX_TTL`. */
  ttl: number
  protocols: string[]
  metadata: Map<string, string>
}

export interface Heard {
  /** At most `limits.mdnsRecords`. */
  present: ResolvedService[]
  /**
   * At most `limits.mdnsGoodbyes`. To be taken in before `present`: an instance that has become another peer is in both.
   */
  departed: Departure[]
  /** What is missing, at most {@link MAX_QUESTIONS}. */
  questions: Question[]
}

export interface ServiceBrowserInit {
  service: ServiceName
  /**
   * Counts `bad-record`, `cache-full`, `too-many-addresses`, `too-many-goodbyes`, `unresolvable-name` (a question that
   * cannot be asked, see {@link isAskable}) and what {@link readServiceText} counts.
   */
  drop: DropCounter
}

export class ServiceBrowser {
  readonly #service: ServiceName
  readonly #drop: DropCounter
  /** BOUNDED: none is without instances. */
  readonly #sources = new Map<string, Source>()
  /** Instances of all sources. BOUNDED by `limits.mdnsPeers`, see {@link ServiceBrowser.#makeRoom}. */
  #count = 0
  /** First label of each host, and how many hosts have it. As bounded as the instances. */
  readonly #labels = new Map<string, number>()
  readonly #wanted = new Set<string>()

  constructor ({ service, drop }: ServiceBrowserInit) {
    this.#service = service
    this.#drop = drop
  }

  /** First labels, in lower case, of the hosts that services are on: packets that name them concern us. Always current. */
  get wanted (): ReadonlySet<string> {
    return this.#wanted
  }

  /**
   * Takes in a response of `source` (an IP address, with its zone when it has one) and tells what follows from it.
   *
   * A service is there while a PTR points to it, or its SRV stands after one did, and it is offered: an SRV with a port
   * and a target, a text, and an address of the text or of the host. A text that was asked for and has not come within a
   * second, or that an NSEC denies, is taken for none. Each packet that brings or repeats a record of a service tells of
   * the service again; one that only has addresses of its host does when they differ, or when they move its end by a second.
   */
  hear (source: string, packet: Records, now: number): Heard {
    this.expire(now)
    const faults = { left: limits.addressesPerClaim }
    const change: Change = { named: new Set(), hosts: new Set(), left: new Set(), gone: new Set(), faults }
    for (const record of serviceRecords(packet, this.#drop)) {
      if (record.ttl === 0) this.#takeBack(source, record, change)
      else this.#take(source, record, change, now)
    }
    return this.#report(source, change, now)
  }

  /** Forgets what has lapsed by now. */
  expire (now: number): void {
    for (const [address, source] of [...this.#sources]) {
      for (const instance of [...source.instances.values()]) {
        if (instance.txt != null && instance.txt.until <= now) delete instance.txt
        if (instance.srv != null && instance.srv.until <= now) this.#deleteSrv(source, instance)
        if (instance.told.until <= now) instance.told = NOTHING
        // An SRV speaks for itself once a PTR has been heard: some responders repeat it alone.
        if (instance.srv == null && instance.pointedUntil <= now) this.#remove(address, source, instance)
      }
      for (const { addresses } of source.hosts.values()) {
        for (const family of [addresses.A, addresses.AAAA]) {
          for (const [text, { until }] of family) {
            if (until <= now) family.delete(text)
          }
        }
      }
    }
  }

  /** What to ask to keep an instance, beside the PTR; nothing when `source` has said nothing of it. */
  questionsFor (source: string, instance: string): Question[] {
    const found = this.#sources.get(source)?.instances.get(instance)
    if (found == null) return []
    const questions: Question[] = []
    if (this.#isOneLabel(instance)) questions.push({ name: instance, type: 'SRV' }, { name: instance, type: 'TXT' })
    const { host, txt } = found
    if (host != null && (txt?.content?.addresses.length ?? 0) === 0) {
      const known = FAMILIES.filter(type => host.addresses[type].size > 0)
      questions.push(...(known.length > 0 ? known : FAMILIES).map(type => ({ name: host.name, type })))
    }
    return questions.filter(({ name }) => isAskable(name))
  }

  #take (address: string, { name, ttl, isFlushing, data }: ServiceRecord, change: Change, now: number): void {
    if (data.type === 'PTR') {
      if (name === this.#service.fqdn) this.#point(address, data.instance, ttl, change, now)
      return
    }
    const source = this.#sources.get(address)
    if (source == null) return
    if (data.type === 'A' || data.type === 'AAAA') {
      const host = source.hosts.get(name)
      if (host == null) return
      this.#takeAddress(address, host.addresses[data.type], data.address, { ttl, isFlushing, now })
      forgive(host.asked, data.type)
      change.hosts.add(host)
      return
    }
    const instance = source.instances.get(name)
    if (instance == null) return
    change.named.add(instance)
    switch (data.type) {
      case 'SRV':
        instance.srv = { data, until: now + ttl }
        forgive(instance.asked, 'SRV')
        // Only left at the end: another SRV of this packet may lead there.
        if (instance.host != null) change.left.add(instance.host)
        this.#move(source, instance, data)
        break
      case 'TXT': {
        const isSame = instance.txt?.data.text === data.text
        const content = isSame ? instance.txt?.content : readServiceText(data.strings, this.#drop, change.faults)
        instance.txt = { data, until: now + ttl, content }
        instance.textAskedAt = Infinity
        instance.noTextUntil = now
        forgive(instance.asked, 'TXT')
        break
      }
      case 'NSEC':
        instance.noTextUntil = data.types.includes('TXT') ? now : now + ttl
        break
    }
  }

  /** A PTR: the instance is there, whatever else may be known of it. */
  #point (address: string, name: string, ttl: number, change: Change, now: number): void {
    if (!this.#isInstance(name)) {
      this.#drop('bad-record')
      return
    }
    let instance = this.#sources.get(address)?.instances.get(name)
    if (instance == null) {
      if (!this.#makeRoom(address)) return
      const source = this.#sources.get(address) ?? { instances: new Map<string, Instance>(), hosts: new Map<string, Host>() }
      this.#sources.set(address, source)
      instance = { name, pointedUntil: 0, noTextUntil: now, textAskedAt: Infinity, asked: new Map(), told: NOTHING }
      source.instances.set(name, instance)
      this.#count++
    }
    instance.pointedUntil = now + ttl
    forgive(instance.asked)
    if (instance.host != null) forgive(instance.host.asked)
    change.named.add(instance)
  }

  #takeAddress (source: string, family: Map<string, Kept>, address: string, { ttl, isFlushing, now }: AddressInit): void {
    if (isFlushing) {
      for (const [text, { heardAt }] of family) {
        if (now - heardAt > FLUSH_AGE) family.delete(text)
      }
    }
    const text = hostPart(address, source)
    if (text == null) return
    // The latest said are at the end: they stay.
    family.delete(text)
    family.set(text, { heardAt: now, until: now + ttl })
    if (family.size <= HOST_ADDRESSES) return
    family.delete(family.keys().next().value as string)
    this.#drop('too-many-addresses')
  }

  /** Goodbye to one record. To one that `source` did not say, or says no more, it is none. */
  #takeBack (address: string, { name, data }: ServiceRecord, change: Change): void {
    const source = this.#sources.get(address)
    if (data.type === 'PTR') {
      if (name !== this.#service.fqdn || !this.#isInstance(data.instance)) return
      const instance = source?.instances.get(data.instance)
      if (source != null && instance != null) this.#remove(address, source, instance)
      // One that had to make room here may still be known behind us.
      if (instance == null || instance.told !== NOTHING) change.gone.add(data.instance)
      return
    }
    if (source == null) return
    if (data.type === 'A' || data.type === 'AAAA') {
      const host = source.hosts.get(name)
      const text = hostPart(data.address, address)
      if (host != null && text != null && host.addresses[data.type].delete(text)) change.hosts.add(host)
      return
    }
    const instance = source.instances.get(name)
    if (instance == null) return
    if (data.type === 'SRV' && instance.srv?.data.port === data.port && instance.srv.data.target === data.target) {
      this.#deleteSrv(source, instance)
      if (instance.told !== NOTHING) change.gone.add(name)
      instance.told = NOTHING
      change.named.delete(instance)
    } else if (data.type === 'TXT' && instance.txt?.data.text === data.text) {
      delete instance.txt
      if (instance.srv != null) change.named.add(instance)
    }
  }

  #report (address: string, { named, hosts, left, gone }: Change, now: number): Heard {
    const heard: Heard = { present: [], departed: [...gone].map(instance => ({ instance })), questions: [] }
    const source = this.#sources.get(address)
    if (source == null) return this.#bounded(heard)
    for (const host of left) this.#forgetIdle(source, host)
    // The named ones first: the others are told of with the next record of their own at the latest.
    const changed = new Set(named)
    for (const host of hosts) {
      for (const instance of host.instances) changed.add(instance)
    }
    for (const instance of changed) {
      if (source.instances.get(instance.name) !== instance) continue
      if (heard.present.length >= limits.mdnsRecords) break
      this.#tell(instance, named.has(instance), heard, now)
      this.#ask(instance, heard.questions, now)
    }
    return this.#bounded(heard)
  }

  /** Compares what is known of an instance with what was told of it, and tells the difference. */
  #tell (instance: Instance, isNamed: boolean, { present, departed }: Heard, now: number): void {
    const { name, txt } = instance
    const offer = this.#offer(instance, now)
    const content = txt?.content
    const isKnown = offer.addresses.size > 0 && (content != null || lacksText(instance, now))
    if (isKnown && instance.told !== NOTHING && instance.told.peerId?.toString() !== content?.peerId?.toString()) {
      departed.push({ instance: name })
      instance.told = NOTHING
    }
    const { told } = instance
    const lost = [...told.multiaddrs].filter(([text]) => !offer.addresses.has(text))
    if (lost.length > 0) departed.push({ instance: name, multiaddrs: lost.map(([, address]) => address) })
    for (const [text] of lost) told.multiaddrs.delete(text)
    if (told.multiaddrs.size === 0) instance.told = NOTHING
    const isNews = offer.addresses.size > told.multiaddrs.size || Math.abs(offer.until - told.until) >= NEWS_INTERVAL
    if (!isKnown || (!isNamed && !isNews)) return
    const multiaddrs = new Map([...offer.addresses].map(
      ([text, address]) => [text, told.multiaddrs.get(text) ?? address ?? multiaddr(text)]
    ))
    const ttl = clampTtl(offer.until - now)
    const peerId = content?.peerId
    instance.told = { peerId, multiaddrs, until: now + ttl }
    present.push({
      instance: name,
      ...(peerId != null && { peerId }),
      multiaddrs: [...multiaddrs.values()],
      ttl,
      protocols: [...content?.protocols ?? []],
      metadata: new Map(content?.entries)
    })
  }

  /** Where an instance can be reached, until when: nowhere with a text that was refused. */
  #offer ({ pointedUntil, srv, txt, host }: Instance, now: number): Offer {
    const addresses = new Map<string, Multiaddr | undefined>()
    // RFC 2782: a target of "." is a service that is decidedly not there.
    if (srv == null || srv.data.port === 0 || host == null) return { addresses, until: 0 }
    let until = srv.until
    if (pointedUntil > now) until = Math.min(until, pointedUntil)
    if (txt != null) {
      if (txt.content == null) return { addresses, until: 0 }
      until = Math.min(until, txt.until)
      for (const address of txt.content.addresses) addresses.set(address.toString(), address)
      if (addresses.size > 0) return { addresses, until }
    }
    const end = this.#service.transport === 'tcp' ? `/tcp/${srv.data.port}` : `/udp/${srv.data.port}/quic-v1`
    for (const type of FAMILIES) {
      for (const [text, kept] of host.addresses[type]) {
        addresses.set(text + end, undefined)
        until = Math.min(until, kept.until)
      }
    }
    return { addresses, until }
  }

  /** Adds what is missing of an instance to `questions`. Each at most once a second, and {@link MAX_ATTEMPTS} times. */
  #ask (instance: Instance, questions: Question[], now: number): void {
    const { name, srv, txt, noTextUntil, host, asked } = instance
    const ask = (asked: Asked, name: string, type: Question['type'], isPossible: boolean): boolean => {
      const attempts = asked.get(type) ?? { at: -Infinity, count: 0 }
      if (questions.length >= MAX_QUESTIONS || attempts.count >= MAX_ATTEMPTS || now - attempts.at < QUERY_INTERVAL) return false
      asked.set(type, { at: now, count: attempts.count + 1 })
      if (isPossible && isAskable(name)) questions.push({ name, type })
      else this.#drop('unresolvable-name')
      return true
    }
    const isOneLabel = this.#isOneLabel(name)
    if (srv == null) ask(asked, name, 'SRV', isOneLabel)
    if (txt == null && noTextUntil <= now && ask(asked, name, 'TXT', isOneLabel)) {
      instance.textAskedAt = Math.min(instance.textAskedAt, now)
    }
    if (host == null || srv?.data.port === 0 || (txt != null && txt.content?.addresses.length !== 0)) return
    if (FAMILIES.some(type => host.addresses[type].size > 0)) return
    for (const type of FAMILIES) ask(host.asked, host.name, type, true)
  }

  #bounded (heard: Heard): Heard {
    if (heard.departed.length > limits.mdnsGoodbyes) this.#drop('too-many-goodbyes')
    heard.departed.splice(limits.mdnsGoodbyes)
    return heard
  }

  #isInstance (name: string): boolean {
    return name.endsWith(`.${this.#service.fqdn}`)
  }

  /** dns-packet joins labels with dots: what looks like several in front of the service may be one, and asks for another. */
  #isOneLabel (instance: string): boolean {
    return instance.indexOf('.') === instance.length - this.#service.fqdn.length - 1
  }

  /**
   * At the bound a newcomer takes the place of the longest known instance of the source that holds most; it is dropped,
   * and counted `cache-full`, when its own source is that one.
   */
  #makeRoom (address: string): boolean {
    if (this.#count < limits.mdnsPeers) return true
    const [holder, fullest] = [...this.#sources].reduce((most, held) => held[1].instances.size > most[1].instances.size ? held : most)
    if ((this.#sources.get(address)?.instances.size ?? 0) >= fullest.instances.size) {
      this.#drop('cache-full')
      return false
    }
    this.#remove(holder, fullest, fullest.instances.values().next().value as Instance)
    return true
  }

  #deleteSrv (source: Source, instance: Instance): void {
    const { host } = instance
    delete instance.srv
    this.#move(source, instance)
    this.#forgetIdle(source, host)
  }

  #remove (address: string, source: Source, instance: Instance): void {
    this.#deleteSrv(source, instance)
    source.instances.delete(instance.name)
    this.#count--
    if (source.instances.size === 0) this.#sources.delete(address)
  }

  /** Puts an instance on the host that its SRV names, or on none. */
  #move (source: Source, instance: Instance, srv?: SrvRecord): void {
    const target = srv == null || srv.target === '.' ? undefined : srv.target
    const before = instance.host
    if (before?.name === target) return
    before?.instances.delete(instance)
    delete instance.host
    if (target == null) return
    let host = source.hosts.get(target)
    if (host == null) {
      host = { name: target, addresses: { A: new Map(), AAAA: new Map() }, instances: new Set(), asked: new Map() }
      source.hosts.set(target, host)
      this.#countLabel(target, 1)
    }
    host.instances.add(instance)
    instance.host = host
  }

  #forgetIdle (source: Source, host: Host | undefined): void {
    if (host == null || host.instances.size > 0 || !source.hosts.delete(host.name)) return
    this.#countLabel(host.name, -1)
  }

  #countLabel (host: string, change: 1 | -1): void {
    const [label = ''] = host.split('.', 1)
    const count = (this.#labels.get(label) ?? 0) + change
    if (count > 0) {
      this.#labels.set(label, count)
      this.#wanted.add(label)
    } else {
      this.#labels.delete(label)
      this.#wanted.delete(label)
    }
  }
}

const FAMILIES = ['A', 'AAAA'] as const

/** What one source said. */
interface Source {
  /** By name, longest known first. */
  readonly instances: Map<string, Instance>
  /** By name: those that its SRV records name, and no others. */
  readonly hosts: Map<string, Host>
}

interface Instance {
  readonly name: string
  /** When its PTR lapses. */
  pointedUntil: number
  srv?: { readonly data: SrvRecord, readonly until: number }
  /** `content` is absent when it was refused. */
  txt?: { readonly data: TxtRecord, readonly until: number, readonly content: ServiceText | undefined }
  /** An NSEC says that there is no text (RFC 6762 §6.1). */
  noTextUntil: number
  /** When the text was first asked for since it was there; `Infinity` when not. */
  textAskedAt: number
  host?: Host
  readonly asked: Asked
  told: Told
}

interface Host {
  readonly name: string
  /** By the multiaddr that they begin, longest unsaid first. BOUNDED by {@link HOST_ADDRESSES}. */
  readonly addresses: Readonly<Record<typeof FAMILIES[number], Map<string, Kept>>>
  readonly instances: Set<Instance>
  readonly asked: Asked
}

interface Kept {
  readonly heardAt: number
  readonly until: number
}

/** By type of question. */
type Asked = Map<Question['type'], { readonly at: number, count: number }>

/** What was said last of an instance, as long as it is believed. */
interface Told {
  readonly peerId?: PeerId | undefined
  /** By text. */
  readonly multiaddrs: Map<string, Multiaddr>
  readonly until: number
}

const NOTHING: Told = Object.freeze({ multiaddrs: new Map<string, Multiaddr>(), until: 0 })

interface Offer {
  /** By text; made when they are needed. */
  readonly addresses: ReadonlyMap<string, Multiaddr | undefined>
  readonly until: number
}

/** What a packet did. */
interface Change {
  /** Had a record of their own in it. */
  readonly named: Set<Instance>
  /** Had one of their addresses in it. */
  readonly hosts: Set<Host>
  /** May be without instances now. */
  readonly left: Set<Host>
  /** Names of instances that said goodbye. */
  readonly gone: Set<string>
  /** Of all its texts. */
  readonly faults: Faults
}

interface AddressInit {
  ttl: number
  isFlushing: boolean
  now: number
}

/** Whether there seems to be no text, as far as none is known. */
function lacksText ({ noTextUntil, textAskedAt }: Instance, now: number): boolean {
  return noTextUntil > now || now - textAskedAt >= QUERY_INTERVAL
}

/** What came, or may come now, is asked for anew when it is missing: no sooner than it was, but as often. */
function forgive (asked: Asked, type?: Question['type']): void {
  for (const [key, attempts] of asked) {
    if (type == null || type === key) attempts.count = 0
  }
}

/** How the multiaddrs of an address begin. A link-local IPv6 one means nothing without the link (RFC 4007 §11). */
function hostPart (address: string, source: string): string | undefined {
  if (!address.includes(':')) return `/ip4/${address}`
  if (!/^fe[89ab]/.test(address)) return `/ip6/${address}`
  const [, zone] = source.split('%')
  return zone == null ? undefined : `/ip6zone/${zone}/ip6/${address}`
}
