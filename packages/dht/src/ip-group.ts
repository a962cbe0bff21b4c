/** What a stranger cannot have many of: networks. */
import { addressScope } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * Blocks of 16 million addresses that are one owner's.
 *
 * @see https://github.com/libp2p/go-libp2p-kbucket/blob/12e77dffae0c81bda7f7489bc93d46dca33c827f/peerdiversity/filter.go legacyClassA
 */
const WHOLE_8 = new Set([12, 17, 19, 38, 48, 53, 56, 73])

/** Codes of the first component. @see https://github.com/multiformats/multicodec */
const IP4 = 4
const IP6 = 41

/**
 * The group that a public address is in: its IPv4 /16 (of a legacy class A its /8), its IPv6 /32; a relayed one is in its
 * relay's. `undefined` for what is not public.
 */
export function ipGroup (address: Multiaddr): string | undefined {
  if (addressScope(address) !== 'public') return undefined
  const { bytes } = address
  const [code] = bytes
  if (code === IP4) return WHOLE_8.has(bytes[1] ?? 0) ? `${bytes[1]}` : `${bytes[1]}.${bytes[2]}`
  if (code !== IP6) return undefined
  const ip = bytes.subarray(1, 17)
  // A mapped or translated address is its IPv4 one, whoever's the prefix is.
  const inner = embedded(ip)
  if (inner != null) return WHOLE_8.has(inner[0] ?? 0) ? `${inner[0]}` : `${inner[0]}.${inner[1]}`
  return [...ip.subarray(0, 4)].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

/** The IPv4 address in an IPv4-mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052) or 6to4 (RFC 3056) one. */
function embedded (ip: Uint8Array): Uint8Array | undefined {
  if (ip[0] === 0x20 && ip[1] === 0x02) return ip.subarray(2, 6)
  const prefix = [...ip.subarray(0, 12)].map(byte => byte.toString(16)).join('')
  return prefix === '0000000000ffff' || prefix === '064ff9b00000000' ? ip.subarray(12) : undefined
}
