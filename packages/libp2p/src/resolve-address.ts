/**
 * Names made into literal addresses before anybody dials, because a policy on addresses cannot see through a name, and
 * libp2p resolves only after its gate.
 */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, LimitExceededError, limits, raceSignal, safeText, type AddressScope, type Clock } from '@peerweave/interface'
import { LOOKUP_TIMEOUT, LOOKUPS_PER_ADDRESS } from './constants.ts'
import { endpointOf, targetPeer } from './peer-address.ts'

export type LookupType = 'A' | 'AAAA' | 'TXT'

/** Looks one DNS name up. Rejects when there is no such name or record; a TXT record's strings come joined. */
export type ResolveName = (name: string, type: LookupType, options: { signal: AbortSignal }) => Promise<string[]>

/** The part of `@multiformats/dns` that we use: what a user may give libp2p as its `dns`. */
export interface Dns {
  query (name: string, options?: { types?: number[], signal?: AbortSignal }): Promise<{ Answer: Array<{ type: number, data: string }> }>
}

/** An address to dial, and how far what is behind it reaches. */
export interface Resolved {
  address: Multiaddr
  scope: AddressScope
}

export type ResolveAddress = (address: Multiaddr, options?: { signal?: AbortSignal | undefined }) => Promise<Resolved[]>

/** RFC 1035 §3.2.2, RFC 3596 §2.1. */
const TYPE_NUMBERS: Record<LookupType, number> = { A: 1, TXT: 16, AAAA: 28 }

const HOST_TYPES: Record<string, LookupType[]> = { dns: ['A', 'AAAA'], dns4: ['A'], dns6: ['AAAA'] }

/** From the nearest to the farthest: a name that has several addresses is judged by its nearest. */
const NEAREST_FIRST: AddressScope[] = ['never', 'loopback', 'link-local', 'private', 'name', 'public']

/** The user's own DNS where libp2p was given one, otherwise the system's, hosts file included, as the transports use it. */
export function defaultResolveName (dns?: Dns): ResolveName {
  if (dns != null) {
    return async (name, type, { signal }) => {
      const { Answer } = await dns.query(name, { types: [TYPE_NUMBERS[type]], signal })
      return Answer.filter(answer => answer.type === TYPE_NUMBERS[type]).map(({ data }) => data.replaceAll('"', ''))
    }
  }
  return async (name, type) => {
    const { lookup, resolveTxt } = await import('node:dns/promises')
    if (type === 'TXT') return (await resolveTxt(name)).map(strings => strings.join(''))
    return (await lookup(name, { all: true, family: type === 'A' ? 4 : 6 })).map(({ address }) => address)
  }
}

/**
 * Makes the function that resolves `/dns`, `/dns4`, `/dns6` and `/dnsaddr`. A literal address is its own answer. What can
 * be had of a name is given, and only if that is nothing the first failure is thrown. A name that TLS needs is kept, since
 * the certificate is made out to it, and judged by what it resolves to.
 */
export function addressResolver ({ clock, resolveName }: { clock: Clock, resolveName: ResolveName }): ResolveAddress {
  return async (target, { signal } = {}) => {
    using deadline = clock.deadline(LOOKUP_TIMEOUT, signal)
    let lookups = 0

    const lookUp = async (name: string, type: LookupType): Promise<string[]> => {
      if (++lookups > LOOKUPS_PER_ADDRESS) {
        throw new LimitExceededError(`${safeText(target)} needs more than ${LOOKUPS_PER_ADDRESS} look-ups`)
      }
      const answers = await raceSignal(resolveName(name, type, { signal: deadline.signal }), deadline.signal)
      return answers.slice(0, limits.addressesPerClaim)
    }

    const resolve = async (address: Multiaddr): Promise<Resolved[]> => {
      const [host, ...rest] = address.getComponents()
      const name = host?.value ?? ''
      if (host?.name === 'dnsaddr') {
        const entries = dnsaddrEntries(await lookUp(`_dnsaddr.${name}`, 'TXT'), targetPeer(address))
        return await whatSucceeds(entries.map(resolve))
      }
      const types = HOST_TYPES[host?.name ?? '']
      if (types == null) return [{ address, scope: addressScope(address) }]

      const ips = await whatSucceeds(types.map(async type => await lookUp(name, type)))
      const literals = ips.flatMap(ip => {
        const literal = parse(`/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}`)?.getComponents()
        // One component, because an "IP" with slashes would bring a port of its own.
        return literal?.length === 1 ? [multiaddr([...literal, ...rest])] : []
      })
      const resolved = literals.map(literal => ({ address: literal, scope: addressScope(literal) }))
      const isCertified = rest.some(({ name }) => name === 'tls' || name === 'wss') && !rest.some(({ name }) => name === 'sni')
      const nearest = NEAREST_FIRST.find(scope => resolved.some(one => one.scope === scope))
      return isCertified && nearest != null ? [{ address, scope: nearest }] : resolved
    }

    return await resolve(target)
  }
}

/** @see https://github.com/multiformats/multiaddr/blob/master/protocols/DNSADDR.md */
function dnsaddrEntries (records: string[], peer: string | undefined): Multiaddr[] {
  return records.flatMap(record => {
    const entry = record.startsWith('dnsaddr=') ? parse(record.slice('dnsaddr='.length)) : undefined
    if (entry == null) return []
    const itsPeer = targetPeer(entry)
    if (peer == null || peer === itsPeer) return [entry]
    return itsPeer == null ? [multiaddr(`${endpointOf(entry)}/p2p/${peer}`)] : []
  })
}

function parse (text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined // a record that is no address is no answer
  }
}

async function whatSucceeds<T> (work: Array<Promise<T[]>>): Promise<T[]> {
  const results = await Promise.allSettled(work)
  const found = results.flatMap(result => result.status === 'fulfilled' ? result.value : [])
  const failure = results.find(result => result.status === 'rejected')
  if (found.length === 0 && failure != null) throw failure.reason
  return found
}
