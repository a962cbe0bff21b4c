/**
 * Names made into literal addresses before anybody dials, because a policy on addresses cannot see through a name, and a
 * transport that gets one looks it up by itself, where the answer may be another (DNS rebinding).
 */
import { multiaddr, type Component, type Multiaddr } from '@multiformats/multiaddr'
import {
  addressScope, LimitExceededError, limits, raceSignal, safeText, targetPeer, withPeer, type AddressScope, type Clock
} from '@peerweave/interface'
import { LOOKUP_TIMEOUT, LOOKUPS_PER_ADDRESS } from './constants.ts'

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

/** Whether it takes DNS to know where the address leads: WebSocket transports dial the name in `/sni`, not the literal. */
export function needsLookUp (address: Multiaddr): boolean {
  return addressScope(address) === 'name' || address.getComponents().some(({ name }) => name === 'sni')
}

/** Whether TLS needs the name that the address begins with, since the certificate is made out to it. */
export function isNameKept (address: Multiaddr): boolean {
  const components = address.getComponents()
  return HOST_TYPES[components[0]?.name ?? ''] != null && components.some(({ name }) => name === 'tls' || name === 'wss') &&
    !components.some(({ name }) => name === 'sni')
}

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
 * be had of a name is given, and only if that is nothing the first failure is thrown. A name that TLS needs is kept and
 * judged by what it resolves to, and so is a name in `/sni`.
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

    const lookUpHost = async (name: string, types: LookupType[]): Promise<Component[]> => {
      const ips = await whatSucceeds(types.map(async type => await lookUp(name, type)))
      return ips.flatMap(ip => {
        const literal = parse(`/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}`)?.getComponents()
        // One component, because an "IP" with slashes would bring a port of its own.
        return literal?.length === 1 ? literal : []
      })
    }

    const resolve = async (address: Multiaddr): Promise<Resolved[]> => {
      const [host, ...rest] = address.getComponents()
      const name = host?.value ?? ''
      if (host?.name === 'dnsaddr') {
        const entries = dnsaddrEntries(await lookUp(`_dnsaddr.${name}`, 'TXT'), targetPeer(address))
        return await whatSucceeds(entries.map(resolve))
      }
      const at = async (name: string, types: LookupType[]): Promise<Resolved[]> => {
        const literals = (await lookUpHost(name, types)).map(literal => multiaddr([literal, ...rest]))
        return literals.map(literal => ({ address: literal, scope: addressScope(literal) }))
      }
      const types = HOST_TYPES[host?.name ?? '']
      const literals = types == null ? [{ address, scope: addressScope(address) }] : await at(name, types)
      const sni = rest.find(({ name }) => name === 'sni')?.value
      if (sni == null && !isNameKept(address)) return literals
      const behindName = sni == null ? literals : await at(sni, ['A', 'AAAA'])
      if (behindName.length === 0) return []
      const judge = (known: Resolved[]): AddressScope =>
        NEAREST_FIRST.find(scope => [...known, ...behindName].some(one => one.scope === scope)) ?? 'never'
      return sni == null ? [{ address, scope: judge(literals) }] : literals.map(one => ({ ...one, scope: judge([one]) }))
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
    return itsPeer == null ? [withPeer(entry, peer)] : []
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
