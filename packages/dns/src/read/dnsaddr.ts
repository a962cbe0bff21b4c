/**
 * The peers that `_dnsaddr` records of a domain list.
 *
 * @see https://github.com/multiformats/multiaddr/blob/master/protocols/DNSADDR.md
 */
import { clampTtl, limits, withoutPeer, type Claim, type Faults, type Reporter } from '@peerweave/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { plainName } from '../names.ts'
import { inParallel } from './in-parallel.ts'
import { literalAddresses } from './literal-addresses.ts'
import { reading, type Lookups, type ReadInit, type ReadOptions } from './lookups.ts'
import type { PeerId } from '@libp2p/interface'
import type { RecordOf } from '../resolver/answer-step.ts'

const KEY = 'dnsaddr='
/** A longer text cannot be of `limits.multiaddrBytes`: nothing is written with more than two characters a byte, but for its names. */
const MAX_CHARS = 4 * limits.multiaddrBytes

const latin1 = new TextDecoder('latin1')

/**
 * Yields a claim for each peer of each name that it is led to, as answers come. `/dnsaddr/<other>` leads on, at most
 * `limits.dnsaddrDepth` deep; what follows such a name must end the addresses that it leads to. Addresses must end in
 * `/p2p/<id>`. At most `limits.dnsaddrResults` addresses are taken, and `limits.dnsLookups` names asked for.
 *
 * Counts, beside what {@link ReadInit} says: `no-peer-id`, `dnsaddr-loop`, `dnsaddr-too-deep`, `dnsaddr-mismatch`,
 * `address-too-long`, and what literalAddresses counts.
 *
 * @throws DnsError or InvalidDnsRecordError when nothing was found because a look-up failed
 */
export function readDnsaddr (init: ReadInit, domain: string, { reporter, signal }: ReadOptions = {}): AsyncGenerator<Claim> {
  const by = reporter ?? { domain: plainName(domain) }
  return reading(init, signal, lookups => new DnsaddrReader(init, by, lookups).read(plainName(domain)))
}

/** A name that we were led to. */
interface Lead {
  readonly name: string
  /** What every address behind it must end with. */
  readonly suffix: string
  /** The names that led here. */
  readonly path: readonly string[]
  /** Of the records that led here, monotonic ms. */
  readonly expiresAt: number
}

class DnsaddrReader {
  readonly #init: ReadInit
  readonly #reporter: Reporter
  readonly #lookups: Lookups
  readonly #leads: Lead[] = []
  /** Name and suffix of all leads: the same one twice brings nothing. BOUNDED by `#left`. */
  readonly #known = new Set<string>()
  #left: number = limits.dnsaddrResults

  constructor (init: ReadInit, reporter: Reporter, lookups: Lookups) {
    this.#init = init
    this.#reporter = reporter
    this.#lookups = lookups
  }

  async * read (domain: string): AsyncGenerator<Claim> {
    this.#leads.push({ name: domain, suffix: '', path: [], expiresAt: Infinity })
    for await (const claims of inParallel(this.#leads, limits.dnsLookupsAtOnce, async lead => await this.#follow(lead))) yield * claims
  }

  async #follow (lead: Lead): Promise<Claim[]> {
    const found = await this.#lookups.resolve(`_dnsaddr.${lead.name}`, 'TXT')
    const expiresAt = Math.min(lead.expiresAt, found?.expiresAt ?? Infinity)
    const peers = new Map<string, { peerId: PeerId, addresses: Multiaddr[] }>()
    const faults: Faults = { left: limits.addressesPerClaim }
    const values = (found?.records ?? []).flatMap(valuesOf)
    if (values.length > limits.dnsaddrResults) this.#init.drop('too-many-addresses')
    for (const text of values.slice(0, limits.dnsaddrResults)) {
      // BOUNDED before it is parsed: for each that is none an error is made.
      if (faults.left === 0) break
      if (this.#left === 0) {
        this.#init.drop('too-many-addresses')
        break
      }
      const address = this.#parse(text, lead.suffix, faults)
      if (address == null) continue
      this.#left--
      const [first, ...rest] = address.getComponents()
      if (first?.name === 'dnsaddr') {
        const suffix = rest.length > 0 ? multiaddr(rest).toString() : ''
        this.#lead({ name: plainName(first.value ?? ''), suffix, path: [...lead.path, lead.name], expiresAt })
        continue
      }
      const peerId = peerOf(address)
      if (peerId == null) {
        this.#init.drop('no-peer-id')
        continue
      }
      const peer = peers.get(peerId.toString()) ?? { peerId, addresses: [] }
      peer.addresses.push(withoutPeer(address))
      peers.set(peerId.toString(), peer)
    }
    const claims = await Promise.all([...peers.values()].map(async peer => await this.#claim(peer.peerId, peer.addresses, expiresAt)))
    return claims.flat()
  }

  #parse (text: string, suffix: string, faults: Faults): Multiaddr | undefined {
    let reason = 'address-too-long'
    try {
      const address = multiaddr(text.slice(0, MAX_CHARS))
      const { length } = address.getComponents()
      const isShort = text.length <= MAX_CHARS && address.bytes.byteLength <= limits.multiaddrBytes && length <= limits.multiaddrComponents
      if (length === 0) {
        reason = 'bad-address'
      } else if (isShort) {
        if (address.toString().endsWith(suffix)) return address
        this.#init.drop('dnsaddr-mismatch')
        return
      }
    } catch {
      if (text.length <= MAX_CHARS) reason = 'bad-address' // many classes of error for one thing: not a multiaddr
    }
    faults.left--
    this.#init.drop(reason)
  }

  #lead (lead: Lead): void {
    const key = `${lead.name} ${lead.suffix}`
    if (lead.path.includes(lead.name)) this.#init.drop('dnsaddr-loop')
    else if (lead.path.length > limits.dnsaddrDepth) this.#init.drop('dnsaddr-too-deep')
    else if (!this.#known.has(key)) this.#leads.push(lead)
    this.#known.add(key)
  }

  async #claim (peerId: PeerId, addresses: readonly Multiaddr[], until: number): Promise<Claim[]> {
    const { multiaddrs, expiresAt } = await literalAddresses(addresses, this.#lookups, this.#init.drop)
    if (multiaddrs.length === 0) return []
    const ttl = clampTtl(Math.min(until, expiresAt) - this.#init.clock.now())
    return [{ kind: 'claim', peerId, multiaddrs, ttl, reporter: this.#reporter }]
  }
}

/** A text of more than 255 bytes goes on in the next string. */
function valuesOf ({ strings }: RecordOf<'TXT'>): string[] {
  const values: string[] = []
  let isOpen = false
  for (const string of strings) {
    const text = latin1.decode(string)
    const isStart = text.startsWith(KEY)
    if (isStart) values.push(text.slice(KEY.length))
    else if (isOpen && (values.at(-1)?.length ?? 0) <= MAX_CHARS) values.push(`${values.pop() ?? ''}${text}`)
    isOpen ||= isStart
  }
  return values
}

function peerOf (address: Multiaddr): PeerId | undefined {
  const components = address.getComponents()
  const last = components.at(-1)
  if (last?.code !== CODE_P2P || components.length < 2) return
  try {
    return peerIdFromString(last.value ?? '')
  } catch {} // of a key type that nobody here speaks
}
