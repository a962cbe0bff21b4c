/** The mechanism: look-ups in all domains, announcing, life cycle. */
import {
  defineMechanism, dropCounter, toError, writePeerText, type DiscoveryMechanism, type MechanismContext, type MechanismFactory, type Reporter,
  type SelfRecord, type Session
} from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { Announcing } from './announcing.ts'
import { resolveOptions, type DnsOptions, type ResolvedAnnounce, type ResolvedOptions } from './options.ts'
import { readDnsaddr } from './read/dnsaddr.ts'
import { readEnrtree, type SeenTree } from './read/enrtree.ts'
import { readService } from './read/service.ts'
import { Cache } from './resolver/cache.ts'
import { resolver } from './resolver/resolver.ts'
import { Rounds, type Reader } from './rounds.ts'
import { Announcer } from './write/announcer.ts'
import { noAddress } from './write/own-records.ts'
import { Updater } from './write/updater.ts'
import type { PeerId } from '@libp2p/interface'
import type { DnsClient } from './client/client.ts'

/**
 * Finds peers in DNS zones: by the SRV and TXT records of a service, and by `_dnsaddr` records; and announces us in one
 * by dynamic updates, where it is told to.
 *
 * `start` asks nobody, so that a node comes up without a network. A round fails when no domain could be read and nothing
 * is remembered; while some could not, or while what is served has lapsed, the status is `degraded`.
 *
 * @throws TypeError naming an option that is wrong
 */
export function dns (options: DnsOptions): MechanismFactory {
  const resolved = resolveOptions(options)
  const { clock, rng, interval } = resolved
  return mechanismModule(context => dnsMechanism(context, resolved), { interval, clock, rng })
}

/** What runs between start and stop. */
interface Running {
  readonly rounds: Rounds
  readonly announcing: Announcing | undefined
  readonly close: () => Promise<void>
}

function dnsMechanism (context: MechanismContext, options: ResolvedOptions): DiscoveryMechanism {
  const { ports: { host } } = context
  const { clock, rng, announce } = options
  const { dropped, drop } = dropCounter()
  /** Outlives a restart: what is remembered is still true. */
  const cache = new Cache()
  const seen = options.enrtrees.map((): SeenTree => ({}))
  const log = context.logger.forComponent('peerweave:dns')
  // What no TXT record can hold is told now, not when the first address is there.
  if (announce != null) checkText(host.self, announce.text)
  let running: Running | undefined
  const onAddresses = (): void => running?.announcing?.changed()

  const open = (session: Session): Running => {
    const client = options.client({ servers: options.servers, timeout: options.timeout, clock, drop })
    const resolving = resolver({ query: client.query, clock, rng, drop, cache })
    const init = { resolver: resolving, clock, rng, drop }
    const by = (domain: string): { reporter: Reporter } => ({ reporter: { domain, ...options.isPrivateMeant && { configured: true } } })
    const { service } = options
    const at = service && { service: service.name, transport: service.transport }
    const readers = [
      ...options.domains.flatMap((domain): Reader[] => [
        ...at === undefined
          ? []
          : [((signal, lapsed) => readService({ ...init, lapsed }, { ...at, domain }, { ...by(domain), signal })) satisfies Reader],
        ...options.dnsaddr
          ? [((signal, lapsed) => readDnsaddr({ ...init, lapsed }, domain, { ...by(domain), signal })) satisfies Reader]
          : []
      ]),
      // What is in a tree is said by its signer, and not ours.
      ...options.enrtrees.map((tree, i): Reader => (signal, lapsed) => readEnrtree({ ...init, lapsed }, tree, seen[i], { signal }))
    ]
    const announcing = announce == null
      ? undefined
      : new Announcing({ announcer: announcer(announce, client), clock, rng, ttl: announce.ttl, session, own, log })
    return {
      rounds: new Rounds({ readers, session, clock, failure: () => resolving.status().failure }),
      announcing,
      async close () {
        resolving.close()
        await client.close()
      }
    }
  }

  const own = (): SelfRecord => ({ peerId: host.self, multiaddrs: host.addresses() })

  const announcer = (to: ResolvedAnnounce, client: DnsClient): Announcer => new Announcer({
    ...to,
    clock,
    updater: new Updater({ exchange: client.exchange, clock, zone: to.zone, servers: to.servers, key: to.key }),
    // The primary itself: what others remember may be old.
    look: async (name, type, signal) => {
      const direct = options.client({ servers: to.servers, timeout: options.timeout, clock, drop })
      try {
        return (await direct.query(name, type, { signal })).answers
      } finally {
        await direct.close()
      }
    }
  })

  return defineMechanism(context, {
    name: options.name,
    type: 'dns',
    clock,
    dropped,
    open (session) {
      running = open(session)
      host.events.addEventListener('addresses', onAddresses)
    },
    beforeClose: async () => running?.announcing?.leave(),
    async close () {
      host.events.removeEventListener('addresses', onAddresses)
      await running?.close()
      running = undefined
    },
    async * round ({ signal }) {
      if (running != null) yield * running.rounds.round(signal)
    },
    ...(announce != null && {
      async announceSelf (self, { signal }) {
        const isSaid = await running?.announcing?.announce(self, signal)
        if (isSaid === false) throw noAddress(self, announce)
        return { ttl: announce.ttl }
      },
      withdrawSelf: async ({ signal }) => running?.announcing?.withdraw(signal)
    })
  })
}

function checkText (peerId: PeerId, text: ReadonlyMap<string, string>): void {
  try {
    writePeerText({ peerId, protocols: [], entries: new Map([...text, ['expires', '0'.repeat(10)]]), addresses: [] })
  } catch (error) {
    throw new TypeError(`announce.text: ${toError(error).message}`, { cause: error })
  }
}
