/** The port of an SRV record. */
import type { Multiaddr } from '@multiformats/multiaddr'

/** Port of the first of `addresses` over this transport. */
export function portOf (transport: 'tcp' | 'udp', addresses: readonly Multiaddr[]): number | undefined {
  for (const address of addresses) {
    const port = Number(address.getComponents().find(({ name }) => name === transport)?.value)
    if (port > 0) return port
  }
}
