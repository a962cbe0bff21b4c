/**
 * Addresses with names become addresses with numbers, so that what is dialled is what was classified: a name could lead
 * elsewhere by then (security research T9).
 */
import { limits, type DropCounter } from '@peerweave/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { FAMILIES, type Lookups } from './lookups.ts'

export interface Literals {
  /** At most `limits.addressesPerClaim`. */
  readonly multiaddrs: Multiaddr[]
  /** Until when the names lead there, monotonic ms; `Infinity` when there were none. */
  readonly expiresAt: number
}

const NAMES: ReadonlyMap<string, ReadonlyArray<typeof FAMILIES[number]>> = new Map<string, ReadonlyArray<typeof FAMILIES[number]>>([
  ['dns', FAMILIES], ['dns4', ['A']], ['dns6', ['AAAA']]
])
/** Whoever is there is known by its name: the certificate's, or that of one of several hosts. */
const KNOWN_BY_NAME: ReadonlySet<string> = new Set(['tls', 'sni', 'wss', 'https', 'http'])

/**
 * Counts `name-needed` (TLS and HTTP behind a name cannot do without it: left out), `too-many-names`,
 * `too-many-addresses` and `bad-address` (a `/dnsaddr`, or a name further back). A name that is nowhere, as
 * far as we know, leaves its address out.
 */
export async function literalAddresses (addresses: readonly Multiaddr[], lookups: Lookups, drop: DropCounter): Promise<Literals> {
  const names = new Set<string>()
  const found = await Promise.all(addresses.map(async address => {
    const [first, ...rest] = address.getComponents()
    if (first == null || first.name === 'dnsaddr' || rest.some(({ name }) => NAMES.has(name) || name === 'dnsaddr')) {
      drop('bad-address')
      return
    }
    const families = NAMES.get(first.name)
    if (families == null) return { multiaddrs: [address], expiresAt: Infinity }
    if (rest.some(({ name }) => KNOWN_BY_NAME.has(name))) {
      drop('name-needed')
      return
    }
    const host = first.value ?? ''
    if (!names.has(host) && names.size >= limits.dnsNamesPerPeer) {
      drop('too-many-names')
      return
    }
    names.add(host)
    const place = await lookups.place(host, families)
    const end = multiaddr(rest).toString()
    return { multiaddrs: place.hosts.flatMap(host => lookups.address(host + end)), expiresAt: place.expiresAt }
  }))
  const literals = new Map<string, Multiaddr>()
  let expiresAt = Infinity
  for (const one of found) {
    if (one == null) continue
    expiresAt = Math.min(expiresAt, one.expiresAt)
    for (const address of one.multiaddrs) literals.set(address.toString(), address)
  }
  if (literals.size > limits.addressesPerClaim) drop('too-many-addresses')
  return { multiaddrs: [...literals.values()].slice(0, limits.addressesPerClaim), expiresAt }
}
