/**
 * Finds peers by gossip. Push: everybody announces himself on a topic, by his own signed record. Pull: neighbours are asked
 * for what we lack.
 */
import { exchange, RECORD_TTL } from '@peerweave/exchange'
import {
  defineMechanism, dropCounter, GossipError, keyedHash, NotStartedError, show, throwIfAborted, toError, type Claim, type DiscoveryMechanism,
  type MechanismContext, type MechanismFactory, type Session, type Sighting, type Subscription, type Withdrawal
} from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { isMultiaddr, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { Announcements } from './announcements.ts'
import { resolveOptions, type GossipOptions, type ResolvedGossipOptions } from './options.ts'
import { Publisher } from './publisher.ts'
import { Puller } from './puller.ts'
import { SourceTable } from './source-table.ts'
import type { PeerId } from '@libp2p/interface'

export interface Gossip extends DiscoveryMechanism {
  /**
   * Dials one more neighbour and asks it for its peers, now. Where it is, is on the caller's word: private addresses are
   * meant. One that is there and does not answer the question is a neighbour all the same.
   *
   * @throws NotStartedError, NetworkError, UnauthenticatedError, LimitExceededError; TypeError for what is no address
   */
  addPeer: (address: string | Multiaddr, options?: { signal?: AbortSignal | undefined }) => Promise<void>
  /**
   * ms to a connected peer and back, by the exchange protocol.
   *
   * @throws NotFoundError when it does not speak it, ConnectionClosedError, TimeoutError, NotStartedError
   */
  ping: (peer: PeerId, options?: { signal?: AbortSignal | undefined }) => Promise<number>
}

/**
 * Announces the host's own addresses, also as they change, until `announceSelf` gives others; after `withdrawSelf`, none.
 *
 * `start` rejects with `GossipError` where the node has no gossipsub.
 *
 * @throws TypeError naming a wrong option
 */
export function gossip (options: GossipOptions = {}): MechanismFactory<Gossip> {
  const resolved = resolveOptions(options)
  const { clock, rng, pubsub } = resolved
  return mechanismModule(context => create(context, resolved), { clock, rng, pubsub })
}

function create (context: MechanismContext, options: ResolvedGossipOptions): Gossip {
  const { ports } = context
  const { host } = ports
  const { name, topic, prefix, fanout, interval, refresh, hops, maxPeers, clock, rng, hashKey } = options
  const { dropped, drop } = dropCounter()
  const table = new SourceTable({ clock, maxPeers, hash: keyedHash(hashKey) })
  let session: Session | undefined
  let subscription: Subscription | undefined

  /** The claim, if its source may still make it, after what it takes the place of. */
  const taken = (claim: Claim, via: PeerId): Sighting[] => {
    const { isMade, withdrawn } = table.add(via, claim)
    if (!isMade) drop('source-full')
    return [...withdrawn, ...isMade ? [claim] : []]
  }
  const takenAll = (claims: readonly Claim[]): Sighting[] => {
    return claims.flatMap(claim => claim.reporter?.peer == null ? [] : taken(claim, claim.reporter.peer))
  }
  const tell = (sightings: readonly Sighting[]): void => {
    for (const sighting of sightings) session?.sight(sighting)
  }
  const tellClaims = (claims: readonly Claim[]): void => tell(takenAll(claims))

  /** What `addPeer` made us claim. BOUNDED by who calls it. */
  const added = new Map<string, Withdrawal>()
  /** What is to be taken back of a peer that says itself that it goes. */
  const departed = (peer: PeerId): Sighting[] => {
    const own = added.get(peer.toString())
    added.delete(peer.toString())
    return [...table.forget(peer), ...own == null ? [] : [own]]
  }

  const records = exchange(context, {
    drop, prefix, hops, clock, rng, hashKey,
    sight (sighting) {
      if (sighting.kind === 'claim') tellClaims([sighting])
      else if (sighting.kind === 'withdraw') tell([...departed(sighting.peerId), sighting])
    }
  })
  const puller = new Puller({ host, exchange: records, fanout, interval, clock, rng })
  const publisher = new Publisher({ host, exchange: records, topic, refresh, clock, rng })
  const announcements = new Announcements({
    ports, exchange: records, table, drop, options,
    onClaim: (claim, via) => tell(taken(claim, via)),
    onDeparture: peer => tell(departed(peer))
  })
  let neighbours = new Set<string>()

  const attach = (session: Session): void => {
    const { pubsub } = ports
    if (pubsub == null) {
      throw new GossipError(options.pubsub == null
        ? `${name} needs gossipsub: add it to the node's services as "pubsub", with identify`
        : `${name} finds no gossipsub as ${show(options.pubsub)}: add it to the node's services, with identify; inside multi, or after another mechanism, only as "pubsub"`)
    }
    subscription = pubsub.subscribe(topic, {
      validate: message => announcements.validate(message),
      onMessage: message => { announcements.receive(message).catch(() => {}) }, // opened once already
      onPeers (peers) {
        const newcomers = peers.filter(peer => !neighbours.has(peer.toString()))
        neighbours = new Set(peers.map(String))
        publisher.onSubscribers(newcomers)
        puller.onSubscribers(newcomers)
      }
    })
    neighbours = new Set(pubsub.peers(topic).map(String))
    publisher.open(session, pubsub)
  }
  /** Where a node's gossipsub was not started before us, `afterStart` tries again. */
  let isAttached = (): void => {}

  const farewell = async (): Promise<void> => {
    for (const result of await Promise.allSettled([publisher.farewell(), records.farewell()])) {
      if (result.status === 'rejected') throw result.reason
    }
  }
  const running = (what: string): Session => {
    if (session == null) throw new NotStartedError(`${name}: ${what} before start()`)
    return session
  }

  const mechanism = defineMechanism(context, {
    name,
    type: 'gossip',
    passive: true,
    clock,
    dropped,
    async open (opened) {
      session = opened
      await records.start()
      throwIfAborted(opened.signal) // a stop came meanwhile
      try {
        attach(opened)
      } catch (error) {
        if (error instanceof GossipError || error instanceof TypeError) throw error
        isAttached = opened.degrade(new GossipError(`${name}: gossipsub does not run yet`, { cause: error }))
      }
      puller.open(opened, tellClaims)
    },
    beforeClose: () => farewell().catch(() => {}), // records run out
    async close () {
      session = undefined
      isAttached = () => {}
      subscription?.unsubscribe()
      subscription = undefined
      publisher.close()
      puller.close()
      table.clear()
      added.clear()
      neighbours.clear()
      await records.stop()
    },
    async * round ({ signal }) {
      for await (const claims of puller.round(signal)) {
        const sightings = takenAll(claims)
        try {
          for (let sighting = sightings.shift(); sighting != null; sighting = sightings.shift()) yield sighting
        } finally {
          tell(sightings) // the reader has enough, and they will not be sent to us again
        }
      }
    },
    async announceSelf ({ multiaddrs }, { signal }) {
      publisher.speak()
      records.own.announce(multiaddrs)
      await publisher.tell()
      await records.announce(multiaddrs, [], { signal, without: await publisher.heardBy() })
      return { ttl: RECORD_TTL }
    },
    withdrawSelf: farewell
  })

  return Object.assign(mechanism, {
    async afterStart () {
      if (session == null || subscription != null) return
      try {
        attach(session)
        isAttached()
      } catch (error) {
        // The status says so; the node runs on without us.
        session.degrade(toError(error))
      }
    },
    async addPeer (address: string | Multiaddr, { signal }: { signal?: AbortSignal | undefined } = {}) {
      const { sight, signal: stopped } = running('addPeer')
      const target = parse(address)
      using until = clock.deadline(Infinity, stopped, signal)
      const { peer, remoteAddr } = await host.dial([target], { reporter: 'configured', signal: until.signal })
      const reporter = { configured: true, peer, remoteAddr }
      sight({ kind: 'claim', peerId: peer, multiaddrs: [target], ttl: RECORD_TTL, reporter })
      added.set(peer.toString(), { kind: 'withdraw', peerId: peer, reporter })
      const { claims } = await puller.ask(peer, until.signal).catch(() => {
        throwIfAborted(until.signal)
        return { claims: [] } // its turn comes again
      })
      tellClaims(claims)
    },
    async ping (peer: PeerId, { signal }: { signal?: AbortSignal | undefined } = {}) {
      using until = clock.deadline(Infinity, running('ping').signal, signal)
      return await records.ping(peer, { signal: until.signal })
    }
  })
}

function parse (address: string | Multiaddr): Multiaddr {
  try {
    if (isMultiaddr(address) || (typeof address === 'string' && address !== '')) return multiaddr(address)
  } catch { /* said below */ }
  throw new TypeError(`address must be a multiaddr, got ${show(address)}`)
}
