/**
 * What each source says of services, as far as it still stands: instances, and the hosts that they are on. Pure of time.
 *
 * Anyone on the link can write here. Every source address has records of its own, so that none can flush, replace or
 * take back what another said; processes of one machine share an address, and its records.
 */
import { limits, type DropCounter, type PeerText } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Question } from 'dns-packet'
import type { RecordData, ServiceRecord, SrvRecord, TxtRecord } from './service-records.ts'

export const FAMILIES = ['A', 'AAAA'] as const
/** Addresses of either family that a host has at most: with both, `limits.addressesPerClaim`. */
const HOST_ADDRESSES = limits.addressesPerClaim / 2
/** What a flush finds older than this goes. RFC 6762 §10.2. */
const FLUSH_AGE = 1_000

/** What one source says. */
export interface Source {
  /** IP address, with its zone when it has one. */
  readonly address: string
  /** By name, longest known first. */
  readonly instances: Map<string, Instance>
  /** By name: those that its SRV records name, and no others. */
  readonly hosts: Map<string, Host>
}

export interface Instance {
  readonly source: Source
  readonly name: string
  /** When its PTR lapses. */
  pointedUntil: number
  /** Set by {@link ServiceSources.setSrv}, with `host`. */
  srv?: { readonly data: SrvRecord, readonly until: number }
  /** `content` is absent when it was refused. */
  txt?: { readonly data: TxtRecord, readonly until: number, readonly content: PeerText | undefined }
  /** Until then there is no text: an NSEC says so (RFC 6762 §6.1). */
  noTextUntil: number
  /** When the text was first asked for since it was there; `Infinity` when not. */
  textAskedAt: number
  /** That its SRV names. A target of "." is none: the service is decidedly not there (RFC 2782). */
  host?: Host
  readonly asked: Asked
  /** What was told of it last, as long as that is believed. */
  told?: Told
}

export interface Host {
  readonly source: Source
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

/** By type of question: when it was put last, and how often in vain. */
export type Asked = Map<Question['type'], { readonly at: number, count: number }>

interface Told {
  readonly peerId: PeerId | undefined
  /** By text. */
  readonly multiaddrs: Map<string, Multiaddr>
  readonly until: number
}

type AddressRecord = Extract<RecordData, { address: string }>

export class ServiceSources {
  readonly #drop: DropCounter
  /** BOUNDED: none is without instances. */
  readonly #sources = new Map<string, Source>()
  /** Instances of all sources. BOUNDED by `limits.mdnsPeers`, see {@link ServiceSources.#makeRoom}. */
  #count = 0
  /** First label of each host, and how many hosts have it. As bounded as the instances. */
  readonly #labels = new Map<string, number>()
  readonly #wanted = new Set<string>()

  /** @param drop - counts `cache-full` and `too-many-addresses` */
  constructor (drop: DropCounter) {
    this.#drop = drop
  }

  /** First labels of all hosts. Always current. */
  get wanted (): ReadonlySet<string> {
    return this.#wanted
  }

  /** Nothing when no instance of it is known. */
  get (address: string): Source | undefined {
    return this.#sources.get(address)
  }

  /** The instance that a PTR points to; nothing when it is new and there is no room for it. */
  point (address: string, name: string, until: number): Instance | undefined {
    let instance = this.#sources.get(address)?.instances.get(name)
    if (instance == null) {
      if (!this.#makeRoom(address)) return
      const source = this.#sources.get(address) ?? { address, instances: new Map<string, Instance>(), hosts: new Map<string, Host>() }
      this.#sources.set(address, source)
      instance = { source, name, pointedUntil: until, noTextUntil: -Infinity, textAskedAt: Infinity, asked: new Map() }
      source.instances.set(name, instance)
      this.#count++
    }
    instance.pointedUntil = until
    return instance
  }

  remove (instance: Instance): void {
    const { source, name } = instance
    this.deleteSrv(instance)
    source.instances.delete(name)
    this.#count--
    if (source.instances.size === 0) this.#sources.delete(source.address)
  }

  /** Puts an instance on the host that its SRV names. The one that it was on is for the caller to see to: {@link forgetIdle}. */
  setSrv (instance: Instance, data: SrvRecord, until: number): void {
    instance.srv = { data, until }
    this.#move(instance, data.target)
  }

  /** Takes an instance off its host, too. */
  deleteSrv (instance: Instance): void {
    const { host } = instance
    delete instance.srv
    this.#move(instance)
    if (host != null) this.forgetIdle(host)
  }

  /** Forgets a host that no instance is on. */
  forgetIdle ({ source, name, instances }: Host): void {
    if (instances.size === 0 && source.hosts.delete(name)) this.#countLabel(name, -1)
  }

  setAddress ({ source, addresses }: Host, { type, address }: AddressRecord, { ttl, isFlushing }: ServiceRecord, now: number): void {
    const family = addresses[type]
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

  /** Whether it was known. */
  deleteAddress ({ source, addresses }: Host, { type, address }: AddressRecord): boolean {
    const text = hostPart(address, source)
    return text != null && addresses[type].delete(text)
  }

  /** Forgets what has lapsed by now. */
  expire (now: number): void {
    for (const source of [...this.#sources.values()]) {
      for (const instance of [...source.instances.values()]) {
        const { pointedUntil, srv, txt, told } = instance
        if (txt != null && txt.until <= now) delete instance.txt
        if (srv != null && srv.until <= now) this.deleteSrv(instance)
        if (told != null && told.until <= now) delete instance.told
        // An SRV speaks for itself once a PTR has been heard: some responders repeat it alone.
        if (instance.srv == null && pointedUntil <= now) this.remove(instance)
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

  /**
   * At the bound a newcomer takes the place of the longest known instance of the source that holds most, of several the
   * one that came last; it is dropped, and counted `cache-full`, when its own source is that one.
   */
  #makeRoom (address: string): boolean {
    if (this.#count < limits.mdnsPeers) return true
    const fullest = [...this.#sources.values()].reduce((most, source) => source.instances.size >= most.instances.size ? source : most)
    if ((this.#sources.get(address)?.instances.size ?? 0) >= fullest.instances.size) {
      this.#drop('cache-full')
      return false
    }
    this.remove(fullest.instances.values().next().value as Instance)
    return true
  }

  /** Puts an instance on a host, or on none. */
  #move (instance: Instance, target?: string): void {
    const { source, host: before } = instance
    const name = target === '.' ? undefined : target
    if (before?.name === name) return
    before?.instances.delete(instance)
    delete instance.host
    if (name == null) return
    let host = source.hosts.get(name)
    if (host == null) {
      host = { source, name, addresses: { A: new Map(), AAAA: new Map() }, instances: new Set(), asked: new Map() }
      source.hosts.set(name, host)
      this.#countLabel(name, 1)
    }
    host.instances.add(instance)
    instance.host = host
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

/** How the multiaddrs of an address begin. A link-local IPv6 one means nothing without the link (RFC 4007 §11). */
function hostPart (address: string, source: Source): string | undefined {
  if (!address.includes(':')) return `/ip4/${address}`
  if (!/^fe[89ab]/.test(address)) return `/ip6/${address}`
  const [, zone] = source.address.split('%')
  return zone == null ? undefined : `/ip6zone/${zone}/ip6/${address}`
}
