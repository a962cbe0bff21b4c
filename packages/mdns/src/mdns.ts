/** The mechanism: options, what is announced and when, life cycle. */
import {
  defineMechanism, dropCounter, limits, writePeerText, type DiscoveryMechanism, type MechanismContext, type MechanismFactory, type Session
} from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { QUERY_INTERVAL_MAX } from './constants.ts'
import { LinkSession } from './link-session.ts'
import { LinkSet } from './link-set.ts'
import { News } from './news.ts'
import { resolveOptions, type MdnsOptions, type ResolvedOptions } from './options.ts'
import { ContestedNames } from './contested-names.ts'
import { renewed, type OwnRecord } from './own-record.ts'
import { randomPeerName } from './peer-name.ts'
import { sightingsOf } from './sightings.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Numbering } from './cache.ts'

/**
 * Finds peers on the local network by multicast DNS, and lets them find us; on every interface, as they come and go.
 *
 * It announces the host's own addresses, also as they change, until `announceSelf` gives a record; that one stands until
 * the next `announceSelf`. After `withdrawSelf` nothing is announced until then. A restart begins anew. Whatever is
 * given, only addresses that can be reached on an interface are sent there.
 *
 * `start` rejects with `MdnsError` when there is no interface with multicast. An interface that fails later makes the
 * status `degraded` until it works again or goes; what a socket cannot send is counted as `socket-error`, too.
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
  const { clock, network, port, service } = options
  const { dropped, drop } = dropCounter()
  const peerName = options.peerName ?? randomPeerName()
  const names = new ContestedNames({ instance: service?.instance ?? peerName, host: service?.host ?? peerName })
  // What no TXT record can hold is told now, not when the first address is there.
  if (service !== undefined) writePeerText({ peerId: host.self, protocols: service.protocols, entries: service.text, addresses: [] })
  let running: { links: LinkSet<LinkSession>, news: News } | undefined
  /** What to announce in place of the host's addresses. */
  let record: OwnRecord | undefined

  const localAddresses = (): Set<string> => new Set(Object.values(network.interfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address)))
  const announceOn = async (session: LinkSession): Promise<void> => {
    if (!options.broadcast) return
    const multiaddrs = host.addresses()
    await session.announce(record == null ? { multiaddrs } : renewed(record, multiaddrs, localAddresses()))
  }
  const announceAnew = async (): Promise<void> => {
    await Promise.all([...running?.links.sessions.values() ?? []].map(announceOn))
  }
  const announce = async (multiaddrs: readonly Multiaddr[], signedPeerRecord?: Uint8Array): Promise<void> => {
    record = { multiaddrs, signedPeerRecord, local: localAddresses() }
    await announceAnew()
  }
  const onAddresses = (): void => { void announceAnew() }

  const open = (session: Session): { links: LinkSet<LinkSession>, news: News } => {
    const numbering: Numbering = { last: 0 }
    /** What was said on links that went, by key. BOUNDED by `limits.mdnsInterfaces`: the longest gone is forgotten. */
    const said = new Map<string, LinkSession['said']>()
    const links = new LinkSet<LinkSession>({
      network,
      rules: options.interfaces,
      clock,
      drop,
      open: async link => {
        const opened = await LinkSession.open({
          options,
          link,
          peerName,
          names,
          self: host.self,
          session,
          numbering,
          drop,
          localAddresses,
          isClaimed: record => [...links.sessions.values()].some(session => session.claims(record)),
          said: said.get(link.key),
          links: () => [...links.sessions.values()].map(({ link }) => link),
          onNews: statement => news.add(statement),
          onRename: onAddresses
        })
        void announceOn(opened)
        return opened
      },
      close: async opened => {
        // No goodbye: the link may be gone. When it comes back, what has changed since is taken back.
        said.delete(opened.link.key)
        said.set(opened.link.key, opened.said)
        if (said.size > limits.mdnsInterfaces) said.delete(said.keys().next().value as string)
        await opened.close()
      },
      onError: error => session.degrade(error),
      onChange: onAddresses
    })
    const news = new News({
      clock,
      numbering,
      caches: () => [...links.sessions.values()].map(({ cache }) => cache),
      tell: statement => { for (const sighting of sightingsOf(statement, port, clock.now())) session.sight(sighting) }
    })
    return { links, news }
  }

  return defineMechanism(context, {
    name: options.name,
    type: 'mdns',
    passive: true,
    clock,
    dropped,
    async open (session) {
      running = open(session)
      await running.links.start()
      session.background(signal => running?.links.run(signal) ?? Promise.resolve())
      host.events.addEventListener('addresses', onAddresses)
      await announceAnew()
    },
    // The transports close after this, and every address that goes would be an event.
    beforeClose: () => announce([]),
    async close () {
      host.events.removeEventListener('addresses', onAddresses)
      await running?.links.close()
      running = undefined
      record = undefined
    },
    async * round ({ signal }) {
      if (running == null) return
      for (const session of running.links.sessions.values()) session.ask()
      for await (const statement of running.news.listen(options.queryWindow, signal)) yield * sightingsOf(statement, port, clock.now())
    },
    ...(options.broadcast && {
      async announceSelf ({ multiaddrs, signedPeerRecord }) {
        await announce(multiaddrs, signedPeerRecord)
        return { ttl: options.ttl }
      },
      withdrawSelf: () => announce([])
    })
  })
}
