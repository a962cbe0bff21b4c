/** What `announceSelf` gave, and what becomes of it when the machine's addresses change under it. */
import { CODE_IP6ZONE } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface OwnRecord {
  /** Empty after a goodbye. */
  readonly multiaddrs: readonly Multiaddr[]
  /** Signed by us. */
  readonly signedPeerRecord?: Uint8Array | undefined
  /** The machine's addresses when it was given, literals. */
  readonly local: ReadonlySet<string>
}

/**
 * The record without the addresses that the machine has lost since, and with those of the host that it has gained: an
 * interface that was renumbered is announced as it is now, without waiting for the next `announceSelf`. Everything else
 * stays as it was given, but for a signature under other addresses; a goodbye stays one.
 *
 * @param addresses - the host's own now
 * @param local - the machine's now, literals
 */
export function renewed (record: OwnRecord, addresses: readonly Multiaddr[], local: ReadonlySet<string>): Pick<OwnRecord, 'multiaddrs' | 'signedPeerRecord'> {
  const hasGone = (address: Multiaddr): boolean => record.local.has(literalOf(address)) && !local.has(literalOf(address))
  const hasCome = (address: Multiaddr): boolean => !record.local.has(literalOf(address)) && local.has(literalOf(address))
  const isGoodbye = record.multiaddrs.length === 0
  if (isGoodbye || !(record.multiaddrs.some(hasGone) || addresses.some(hasCome))) return record
  return { multiaddrs: [...record.multiaddrs.filter(address => !hasGone(address)), ...addresses.filter(hasCome)] }
}

function literalOf (address: Multiaddr): string {
  return address.getComponents().find(({ code }) => code !== CODE_IP6ZONE)?.value ?? ''
}
