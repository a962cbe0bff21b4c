/** The mechanism: options, what is announced and when, life cycle. */
import { defineMechanism, dropCounter, type DiscoveryMechanism, type MechanismContext, type MechanismFactory } from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { QUERY_INTERVAL_MAX } from './constants.ts'
import { LinkSession } from './link-session.ts'
import { findLink } from './network.ts'
import { resolveOptions, type MdnsOptions, type ResolvedOptions } from './options.ts'
import { randomPeerName } from './peer-name.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * Finds peers on the local network by multicast DNS, and lets them find us.
 *
 * It announces the host's own addresses, also as they change, until `announceSelf` gives a record; that one stands until
 * the next `announceSelf`. After `withdrawSelf` nothing is announced until then. A restart begins anew. Whatever is
 * given, only addresses that can be reached on the interface are sent.
 *
 * `start` rejects with `MdnsError` when the interface is not there or has no multicast. What fails later is counted
 * (`socket-error`) and makes the status `degraded`.
 *
 * @throws TypeError naming an option that is wrong
 */
export function mdns (options: MdnsOptions = {}): MechanismFactory {
  const resolved = resolveOptions(options)
  const { clock, rng } = resolved
  // As a plain libp2p service: it asks by itself, rounds would only ask again.
  return mechanismModule(context => mdnsMechanism(context, resolved), { interval: QUERY_INTERVAL_MAX, clock, rng })
}

function mdnsMechanism (context: MechanismContext, options: ResolvedOptions): DiscoveryMechanism {
  const { ports: { host } } = context
  const { dropped, drop } = dropCounter()
  const peerName = options.peerName ?? randomPeerName()
  let session: LinkSession | undefined
  /** What to announce in place of the host's addresses; empty after a goodbye. */
  let record: readonly Multiaddr[] | undefined

  const announce = async (addresses?: readonly Multiaddr[]): Promise<void> => {
    record = addresses
    if (options.broadcast) await session?.announce(record ?? host.addresses())
  }
  const onAddresses = (): void => { void announce(record) }

  return defineMechanism(context, {
    name: options.name,
    type: 'mdns',
    passive: true,
    clock: options.clock,
    dropped,
    async open (span) {
      const link = findLink(options.network, options.interface)
      session = await LinkSession.open({ options, link, peerName, self: host.self, session: span, drop })
      host.events.addEventListener('addresses', onAddresses)
      await announce()
    },
    // The transports close after this, and every address that goes would be an event.
    beforeClose: () => announce([]),
    async close () {
      host.events.removeEventListener('addresses', onAddresses)
      await session?.close()
      session = undefined
      record = undefined
    },
    async * round ({ signal }) {
      if (session != null) yield * session.round(signal)
    },
    ...(options.broadcast && {
      async announceSelf ({ multiaddrs }) {
        await announce(multiaddrs)
        return { ttl: options.ttl }
      },
      withdrawSelf: () => announce([])
    })
  })
}
