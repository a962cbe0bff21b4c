/**
 * The peers that offer a service at a domain: SRV records (RFC 2782) lead to hosts, TXT records say who is there.
 *
 * TXT records are looked for at `_<service>-peer.<target>` of each target, and at the name of the SRV records. A peer
 * without `addr=` is at the SRV record's host and port; where nobody is named, that is an endpoint.
 */
import { clampTtl, limits, type Claim, type Endpoint, type Reporter } from '@peerweave/interface'
import { isAskable, plainName } from '../names.ts'
import { srvOrder } from '../resolver/srv-order.ts'
import { inParallel } from './in-parallel.ts'
import { literalAddresses } from './literal-addresses.ts'
import { reading, type Lookups, type Place, type ReadInit, type ReadOptions } from './lookups.ts'
import { readPeerTexts, type NamedText, type PeerTexts } from './peer-texts.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Hint, RecordOf } from '../resolver/answer-step.ts'
import type { Resolution } from '../resolver/resolver.ts'

export interface ServiceAt {
  domain: string
  /** Without the underscore: `olocus`. */
  service: string
  /** `udp` is QUIC here. */
  transport: 'tcp' | 'udp'
}

/**
 * Yields as answers come, the targets looked up in the order of RFC 2782. Ends empty when the service is decidedly not
 * there. Asks for at most `limits.dnsLookups` names.
 *
 * Counts, beside what {@link ReadInit} says: `too-many-srv`, `bad-srv` (a port of 0, a target that is no name),
 * `ambiguous-text` (several texts without an address at one host, of different peers or places), `no-address`, and what readPeerTexts and
 * literalAddresses count.
 *
 * @throws DnsError or InvalidDnsRecordError when nothing was found because a look-up failed
 */
export function readService (init: ReadInit, at: ServiceAt, { reporter, signal }: ReadOptions = {}): AsyncGenerator<Claim | Endpoint> {
  const by = reporter ?? { domain: plainName(at.domain) }
  return reading(init, signal, lookups => new ServiceReader(init, at, by, lookups).read())
}

/** A host with the ports of its SRV records, in order. */
interface Target {
  readonly host: string
  readonly ports: number[]
}

class ServiceReader {
  readonly #init: ReadInit
  readonly #at: ServiceAt
  readonly #reporter: Reporter
  readonly #lookups: Lookups

  constructor (init: ReadInit, at: ServiceAt, reporter: Reporter, lookups: Lookups) {
    this.#init = init
    this.#at = at
    this.#reporter = reporter
    this.#lookups = lookups
  }

  async * read (): AsyncGenerator<Claim | Endpoint> {
    const { domain, service, transport } = this.#at
    const name = `_${service}._${transport}.${plainName(domain)}`
    const [srv, txt] = await Promise.all([this.#lookups.resolve(name, 'SRV'), this.#lookups.resolve(name, 'TXT')])
    const records = srv?.records ?? []
    // RFC 2782: a target of "." says that the service is decidedly not available at this domain.
    if (records.length > 0 && records.every(({ target }) => isRoot(target))) return
    const targets = this.#targets(records)
    const named = this.#read(txt)
    const atHost: NamedText[] = []
    const work: Array<() => Promise<Array<Claim | Endpoint>>> = []
    for (const peer of named.peers) {
      if (peer.addresses.length === 0 && targets.length === 1) atHost.push(peer)
      else work.push(async () => await this.#claim(peer, txt?.expiresAt))
    }
    for (const target of targets) work.push(async () => await this.#target(target, srv, named, atHost, txt?.expiresAt))
    for await (const sightings of inParallel(work, limits.dnsLookupsAtOnce, async work => await work())) yield * sightings
  }

  /** BOUNDED by `limits.dnsSrv`, the first ones. */
  #targets (records: ReadonlyArray<RecordOf<'SRV'>>): Target[] {
    const targets = new Map<string, Target>()
    let left: number = limits.dnsSrv
    const usable = records.filter(({ target, port }) => port > 0 && isAskable(plainName(target)))
    for (let i = usable.length; i < records.length; i++) this.#init.drop('bad-srv')
    for (let i = left; i < usable.length; i++) this.#init.drop('too-many-srv')
    for (const { target, port } of srvOrder(usable, this.#init.rng)) {
      if (left-- === 0) break
      const host = plainName(target)
      const known = targets.get(host)
      if (known == null) targets.set(host, { host, ports: [port] })
      else if (!known.ports.includes(port)) known.ports.push(port)
    }
    return [...targets.values()]
  }

  /**
   * @param named - what stands at the name of the SRV records
   * @param inherited - those of it that are at this host, unless its own texts say who is
   */
  async #target (
    target: Target, srv: Resolution<'SRV'> | undefined, named: PeerTexts, inherited: readonly NamedText[], namedUntil: number | undefined
  ): Promise<Array<Claim | Endpoint>> {
    const txt = await this.#lookups.resolve(`_${this.#at.service}-peer.${target.host}`, 'TXT')
    // Who is there could not be learnt: better nobody than a stranger.
    if (txt == null) return []
    const texts = this.#read(txt)
    const isOwn = texts.peers.length > 0 || texts.isRefused
    const peers = isOwn ? texts.peers : inherited
    if (isOwn && inherited.length > 0) this.#init.drop('ambiguous-text')
    // That there is no text bounds nothing: it says nothing of the host.
    const textUntil = isOwn ? txt.expiresAt : inherited.length > 0 ? namedUntil : Infinity
    const until = Math.min(srv?.expiresAt ?? Infinity, textUntil ?? Infinity)
    const atHost = peers.filter(({ addresses }) => addresses.length === 0)
    const isNobodys = !isOwn && named.peers.length === 0 && !named.isRefused
    const claims = peers.filter(peer => !atHost.includes(peer)).map(async peer => await this.#claim(peer, until))
    if (atHost.length === 1 || (isNobodys && !hasAddress(texts))) {
      const place = await this.#place(target.host, srv?.hints ?? [])
      const multiaddrs = this.#addresses(place, target.ports)
      const expiresAt = Math.min(until, place.expiresAt)
      for (const peer of atHost) claims.push(this.#claim(peer, expiresAt, multiaddrs))
      if (isNobodys) return multiaddrs.map(address => this.#endpoint(address, expiresAt))
    } else if (isNobodys) {
      const { multiaddrs, expiresAt } = await literalAddresses(texts.nameless?.addresses ?? [], this.#lookups, this.#init.drop)
      return multiaddrs.map(address => this.#endpoint(address, Math.min(until, txt.expiresAt, expiresAt)))
    } else {
      for (const peer of atHost) {
        this.#init.drop('ambiguous-text')
        // A signed record says by itself where it is.
        if (peer.record != null) claims.push(this.#claim(peer, until))
      }
    }
    return (await Promise.all(claims)).flat()
  }

  #read (txt: Resolution<'TXT'> | undefined): PeerTexts {
    return readPeerTexts(txt?.records ?? [], this.#init.clock.wall(), this.#init.drop)
  }

  /** With addresses of its own, or with `at`. */
  async #claim (peer: NamedText, until: number = Infinity, at: readonly Multiaddr[] = []): Promise<Claim[]> {
    const literals = await literalAddresses(peer.addresses, this.#lookups, this.#init.drop)
    const multiaddrs = peer.addresses.length === 0 ? [...at] : literals.multiaddrs
    const { peerId, protocols, entries, record, ttl } = peer
    if (multiaddrs.length === 0 && record == null) {
      this.#init.drop('no-address')
      return []
    }
    return [{
      kind: 'claim',
      peerId,
      multiaddrs,
      ttl: clampTtl(Math.min(Math.min(until, literals.expiresAt) - this.#init.clock.now(), ttl)),
      reporter: this.#reporter,
      protocols,
      metadata: entries,
      ...(record != null && { signedPeerRecord: record })
    }]
  }

  #endpoint (multiaddr: Multiaddr, until: number): Endpoint {
    return { kind: 'endpoint', multiaddr, ttl: clampTtl(until - this.#init.clock.now()), reporter: this.#reporter }
  }

  async #place (host: string, hints: readonly Hint[]): Promise<Place> {
    return this.#lookups.hinted(host, hints, this.#init.clock.now()) ?? await this.#lookups.place(host)
  }

  #addresses ({ hosts }: Place, ports: readonly number[]): Multiaddr[] {
    const all = ports.flatMap(port => hosts.map(host => {
      return this.#at.transport === 'tcp' ? `${host}/tcp/${port}` : `${host}/udp/${port}/quic-v1`
    }))
    if (all.length > limits.addressesPerClaim) this.#init.drop('too-many-addresses')
    return all.slice(0, limits.addressesPerClaim).flatMap(text => this.#lookups.address(text))
  }
}

function hasAddress ({ nameless }: PeerTexts): boolean {
  return nameless != null && nameless.addresses.length > 0
}

/** The root is written `.`, or as nothing once dots at the end are left out. */
function isRoot (target: string): boolean {
  return target === '.' || target === ''
}
