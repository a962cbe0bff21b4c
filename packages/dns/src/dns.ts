/** The mechanism: look-ups in all domains, announcing, life cycle. */
import {
  defineMechanism, DnsError, dropCounter, TimeoutError, toError, writePeerText, type Claim, type Clock, type DiscoveryMechanism,
  type Endpoint, type MechanismContext, type MechanismFactory, type Reporter, type SelfRecord, type Session
} from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { Announcing } from './announcing.ts'
import { resolveOptions, type DnsOptions, type ResolvedOptions } from './options.ts'
import { readDnsaddr } from './read/dnsaddr.ts'
import { readEnrtree, type SeenTree } from './read/enrtree.ts'
import { readService } from './read/service.ts'
import { Cache } from './resolver/cache.ts'
import { resolver } from './resolver/resolver.ts'
import { Announcer } from './write/announcer.ts'
import { Updater } from './write/updater.ts'
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

/** One reading of one domain. */
interface Reader {
  (signal: AbortSignal, lapsed: (failure: Error) => void): AsyncGenerator<Claim | Endpoint>
}

/** What runs between start and stop. */
interface Running {
  readonly session: Session
  readonly client: DnsClient
  readonly readers: readonly Reader[]
  readonly announcing: Announcing | undefined
  /** Of the last question, while none was answered since. */
  readonly failure: () => Error | undefined
  readonly close: () => Promise<void>
  recover: (() => void) | undefined
}

function dnsMechanism (context: MechanismContext, options: ResolvedOptions): DiscoveryMechanism {
  const { ports: { host } } = context
  const { clock, rng, announce } = options
  const { dropped, drop } = dropCounter()
  /** Outlives a restart: what is remembered is still true. */
  const cache = new Cache()
  const seen = options.enrtrees.map((): SeenTree => ({}))
  // What no TXT record can hold is told now, not when the first address is there.
  if (announce != null) {
    const entries = new Map([...announce.text, ['expires', '0'.repeat(10)]])
    writePeerText({ peerId: host.self, protocols: [], entries, addresses: [] })
  }
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
      : new Announcing({ announcer: announcer(client), clock, rng, ttl: announce.ttl, session, own })
    return {
      session,
      client,
      readers,
      announcing,
      failure: () => resolving.status().failure,
      recover: undefined,
      async close () {
        resolving.close()
        await client.close()
      }
    }
  }

  const own = (): SelfRecord => ({ peerId: host.self, multiaddrs: host.addresses() })

  const announcer = (client: DnsClient): Announcer => {
    if (announce == null) throw new TypeError('announce is not set')
    return new Announcer({
      ...announce,
      clock,
      updater: new Updater({ exchange: client.exchange, clock, zone: announce.zone, servers: announce.servers, key: announce.key }),
      // The primary itself: what others remember may be old.
      look: async (name, type, signal) => {
        const direct = options.client({ servers: announce.servers, timeout: options.timeout, clock, drop })
        try {
          return (await direct.query(name, type, { signal })).answers
        } finally {
          await direct.close()
        }
      }
    })
  }

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
      if (running != null) yield * readAll(running, clock, signal)
    },
    ...(announce != null && {
      async announceSelf (self, { signal }) {
        await running?.announcing?.announce(self, signal)
        return { ttl: announce.ttl }
      },
      withdrawSelf: async ({ signal }) => running?.announcing?.withdraw(signal)
    })
  })
}

/** All domains side by side, what comes first first. Fails only when every one did. */
async function * readAll (running: Running, clock: Clock, signal: AbortSignal): AsyncGenerator<Claim | Endpoint> {
  const errors: Error[] = []
  let lapsed: Error | undefined
  const left = new AbortController()
  const end = clock.deadline(Infinity, signal, left.signal)
  const readers = running.readers.map(read => read(end.signal, failure => { lapsed ??= failure }))
  const pending = new Map(readers.map(reader => [reader, next(reader)]))
  let found = 0
  try {
    while (pending.size > 0) {
      const { reader, result, error } = await Promise.race(pending.values())
      if (error != null) errors.push(error)
      if (result == null || result.done === true) {
        pending.delete(reader)
        continue
      }
      pending.set(reader, next(reader))
      found++
      yield result.value
    }
  } finally {
    left.abort() // each is asked for its next one already, and would be waited for; it clears the deadline as well
    await Promise.allSettled([...pending.keys()].map(async reader => reader.return(undefined)))
  }
  // Whoever gave up says nothing of the servers; that time was up does.
  if (signal.aborted && !(signal.reason instanceof TimeoutError)) return
  const failure = errors.length > 1 ? together(errors, readers.length) : errors[0] ?? lapsed ?? running.failure()
  const isNothing = errors.length === readers.length && found === 0
  const before = running.recover
  running.recover = failure == null || isNothing ? undefined : running.session.degrade(failure)
  before?.()
  if (isNothing && failure != null) throw failure
}

function together (errors: readonly Error[], of: number): Error {
  const what = errors.map(({ message }) => message).join('; ')
  return new DnsError(`${errors.length} of ${of} look-ups failed: ${what}`, { cause: new AggregateError(errors) })
}

type Found = AsyncGenerator<Claim | Endpoint>

async function next (reader: Found): Promise<{ reader: Found, result?: IteratorResult<Claim | Endpoint>, error?: Error }> {
  try {
    return { reader, result: await reader.next() }
  } catch (error) {
    return { reader, error: toError(error) }
  }
}
