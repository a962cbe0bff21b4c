/**
 * From the records that a link hears to resolved services (RFC 6763 §4 and §5). Pure of time and of sockets: every
 * method takes `now`, and what should be asked is returned.
 */
import { clampTtl, limits, readPeerText, type DropCounter, type Faults } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { NEWS_INTERVAL } from './constants.ts'
import { offerOf } from './service-offer.ts'
import { askMissing, forgive, lacksText, questionsFor } from './service-questions.ts'
import { serviceRecords, type ServiceRecord } from './service-records.ts'
import { ServiceSources, type Host, type Instance } from './service-sources.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Question } from 'dns-packet'
import type { Departure, Records } from './answer.ts'
import type { ServiceName } from './service-name.ts'

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
  /** A signed peer record, not verified. */
  record?: Uint8Array | undefined
  metadata: Map<string, string>
}

export interface Heard {
  /** At most `limits.mdnsRecords`. */
  present: ResolvedService[]
  /** At most `limits.mdnsGoodbyes`. To be taken in before `present`: an instance that has become another peer is in both. */
  departed: Departure[]
  /** What is missing, see {@link askMissing}. */
  questions: Question[]
}

export interface ServiceBrowserInit {
  service: ServiceName
  /**
   * Counts `bad-record`, `cache-full`, `too-many-addresses`, `too-many-goodbyes`, `unresolvable-name` (a question that
   * cannot be asked) and what {@link readPeerText} counts.
   */
  drop: DropCounter
}

export class ServiceBrowser {
  readonly #init: ServiceBrowserInit
  readonly #sources: ServiceSources

  constructor (init: ServiceBrowserInit) {
    this.#init = init
    this.#sources = new ServiceSources(init.drop)
  }

  /** First labels, in lower case, of the hosts that services are on: packets that name them concern us. Always current. */
  get wanted (): ReadonlySet<string> {
    return this.#sources.wanted
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
    for (const record of serviceRecords(packet, this.#init.drop)) {
      if (record.ttl === 0) this.#takeBack(source, record, change)
      else this.#take(source, record, change, now)
    }
    const heard = this.#report(source, change, now)
    if (heard.departed.length > limits.mdnsGoodbyes) this.#init.drop('too-many-goodbyes')
    heard.departed.splice(limits.mdnsGoodbyes)
    return heard
  }

  /** Forgets what has lapsed by now. */
  expire (now: number): void {
    this.#sources.expire(now)
  }

  /** What to ask to keep an instance, beside the PTR; nothing when `source` has said nothing of it. */
  questionsFor (source: string, instance: string): Question[] {
    const found = this.#sources.get(source)?.instances.get(instance)
    return found == null ? [] : questionsFor(found, this.#init.service)
  }

  #take (address: string, record: ServiceRecord, change: Change, now: number): void {
    const { name, ttl, data } = record
    const until = now + ttl
    if (data.type === 'PTR') {
      if (name === this.#init.service.fqdn) this.#point(address, data.instance, until, change)
      return
    }
    const source = this.#sources.get(address)
    if (source == null) return
    if ('address' in data) {
      const host = source.hosts.get(name)
      if (host == null) return
      this.#sources.setAddress(host, data, record, now)
      forgive(host.asked, data.type)
      change.hosts.add(host)
      return
    }
    const instance = source.instances.get(name)
    if (instance == null) return
    change.named.add(instance)
    switch (data.type) {
      case 'SRV':
        // Only left at the end: another SRV of this packet may lead there.
        if (instance.host != null) change.left.add(instance.host)
        this.#sources.setSrv(instance, data, until)
        forgive(instance.asked, 'SRV')
        break
      case 'TXT': {
        const isSame = instance.txt?.data.text === data.text
        const content = isSame ? instance.txt?.content : readPeerText(data.strings, this.#init.drop, change.faults)
        instance.txt = { data, until, content }
        instance.textAskedAt = Infinity
        instance.noTextUntil = now
        forgive(instance.asked, 'TXT')
        break
      }
      case 'NSEC':
        instance.noTextUntil = data.types.includes('TXT') ? now : until
        break
    }
  }

  /** A PTR: the instance is there, whatever else may be known of it. */
  #point (address: string, name: string, until: number, change: Change): void {
    if (!this.#isInstance(name)) {
      this.#init.drop('bad-record')
      return
    }
    const instance = this.#sources.point(address, name, until)
    if (instance == null) return
    forgive(instance.asked)
    if (instance.host != null) forgive(instance.host.asked)
    change.named.add(instance)
  }

  /** Goodbye to one record. To one that `source` did not say, or says no more, it is none. */
  #takeBack (address: string, { name, data }: ServiceRecord, change: Change): void {
    const source = this.#sources.get(address)
    if (data.type === 'PTR') {
      if (name !== this.#init.service.fqdn || !this.#isInstance(data.instance)) return
      const instance = source?.instances.get(data.instance)
      if (instance != null) this.#sources.remove(instance)
      // One that had to make room here may still be known behind us.
      if (instance == null || instance.told != null) change.gone.add(data.instance)
      return
    }
    if (source == null) return
    if ('address' in data) {
      const host = source.hosts.get(name)
      if (host != null && this.#sources.deleteAddress(host, data)) change.hosts.add(host)
      return
    }
    const instance = source.instances.get(name)
    if (instance == null) return
    if (data.type === 'SRV' && instance.srv?.data.port === data.port && instance.srv.data.target === data.target) {
      this.#sources.deleteSrv(instance)
      if (instance.told != null) change.gone.add(name)
      delete instance.told
      change.named.delete(instance)
    } else if (data.type === 'TXT' && instance.txt?.data.text === data.text) {
      delete instance.txt
      if (instance.srv != null) change.named.add(instance)
    }
  }

  /** Tells what a packet did, and asks for what is missing then. */
  #report (address: string, { named, hosts, left, gone }: Change, now: number): Heard {
    const heard: Heard = { present: [], departed: [...gone].map(instance => ({ instance })), questions: [] }
    for (const host of left) this.#sources.forgetIdle(host)
    const source = this.#sources.get(address)
    if (source == null) return heard
    // The named ones first: the others are told of with the next record of their own at the latest.
    const changed = new Set(named)
    for (const host of hosts) {
      for (const instance of host.instances) changed.add(instance)
    }
    for (const instance of changed) {
      if (source.instances.get(instance.name) !== instance) continue
      if (heard.present.length >= limits.mdnsRecords) break
      this.#tell(instance, named.has(instance), heard, now)
      askMissing(instance, heard.questions, this.#init, now)
    }
    return heard
  }

  /** Compares what is known of an instance with what was told of it, and tells the difference. */
  #tell (instance: Instance, isNamed: boolean, { present, departed }: Heard, now: number): void {
    const { name, txt } = instance
    const offer = offerOf(instance, this.#init.service, now)
    const content = txt?.content
    const isKnown = offer.addresses.size > 0 && (content != null || lacksText(instance, now))
    const isOther = isKnown && instance.told?.peerId?.toString() !== content?.peerId?.toString()
    // Without a text there is nothing to tell of it anew, and what was told would be believed for longer than it stands.
    const isOverstated = !isKnown && offer.addresses.size > 0 && instance.told != null && instance.told.until - offer.until >= NEWS_INTERVAL
    if (instance.told != null && (isOther || isOverstated)) {
      departed.push({ instance: name })
      delete instance.told
    }
    const { told } = instance
    const lost = [...told?.multiaddrs ?? []].filter(([text]) => !offer.addresses.has(text))
    if (lost.length > 0) departed.push({ instance: name, multiaddrs: lost.map(([, address]) => address) })
    for (const [text] of lost) told?.multiaddrs.delete(text)
    if (told?.multiaddrs.size === 0) delete instance.told
    const isNews = told == null || offer.addresses.size > told.multiaddrs.size || Math.abs(offer.until - told.until) >= NEWS_INTERVAL
    if (!isKnown || (!isNamed && !isNews)) return
    const multiaddrs = new Map([...offer.addresses].map(
      ([text, address]) => [text, told?.multiaddrs.get(text) ?? address ?? multiaddr(text)]
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
      record: content?.record,
      metadata: new Map(content?.entries)
    })
  }

  #isInstance (name: string): boolean {
    return name.endsWith(`.${this.#init.service.fqdn}`)
  }
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
