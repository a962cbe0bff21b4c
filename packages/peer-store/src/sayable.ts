/** Addresses are kept as text. Not every binary one survives that: a DNS name may hold a slash, and then reads as something else. */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/** Nearly all: what stands in an IP address or a port is a number. */
const PLAIN = /^\/ip(4\/[\d.]+|6\/[\da-f:]+)\/(tcp|udp)\/\d+(\/quic-v1|\/ws)?$/

/** @param text - of `address`, perhaps without the peer id at its end */
export function isSayable (address: Multiaddr, text: string): boolean {
  if (PLAIN.test(text)) return true
  try {
    const read = multiaddr(text).getComponents()
    const meant = address.getComponents()
    return read.every(({ code, value }, i) => code === meant[i]?.code && value === meant[i]?.value)
  } catch {
    return false
  }
}
