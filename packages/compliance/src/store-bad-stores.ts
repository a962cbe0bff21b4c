/**
 * A cast of bad peer stores: a good one with one thing wrong each. The suite must reject each one for its own reason. The
 * good one is handed in: this package knows no store.
 */
import { limits } from '@peerweave/interface'
import { copyOf } from './store-plain.ts'
import type { Change, Evidence, MergeResult, MergeSummary, PeerInfo, PeerStore } from '@peerweave/interface'
import type { PeerStoreSetup, StoreWorld } from './store-setup.ts'

export interface BadPeerStore {
  name: string
  /** What is wrong with it. */
  fault: string
  /** The store clauses that must reject it, and no others. */
  breaks: readonly string[]
  /** Spoils a good setup. The faults of restarting show only where that has a `reopen`. */
  spoil: (good: PeerStoreSetup) => PeerStoreSetup
}

export const badPeerStores: readonly BadPeerStore[] = [
  // — merging —
  bad('touchy', 'it calls every repeat an update', ['one-entry', 'repeat-unchanged'], adding(async (evidence, store) => {
    const result = await store.addPeer(evidence)
    return result.outcome === 'unchanged' ? { outcome: 'updated' } : result
  })),
  bad('first word', 'the protocols that came first stand', ['order-free'], amending((evidence, store) => {
    return (store.peek(evidence.peerId)?.protocols.length ?? 0) > 0 ? { ...evidence, protocols: [] } : evidence
  })),
  bad('polite', 'it refuses nothing aloud', ['one-entry', 'refuses-no-address'], adding(async (evidence, store) => {
    return evidence.multiaddrs.length === 0 && store.peek(evidence.peerId) == null ? { outcome: 'unchanged' } : store.addPeer(evidence)
  })),
  bad('patient', 'it stamps stale evidence anew', ['refuses-stale'], amending((evidence, _store, { clock }) => {
    const isStale = evidence.observedAt < clock.now() - limits.evidenceLag && evidence.observedAt >= 0
    return isStale ? { ...evidence, observedAt: clock.now() } : evidence
  })),

  // — expiry —
  bad('holding on', 'a later claim does not shorten', ['order-free', 'shorter-ttl'], amending((evidence, store) => {
    const before = store.evidence(evidence.peerId).filter(({ source }) => source.path === evidence.source.path)
    return { ...evidence, expiresAt: Math.max(evidence.expiresAt, ...before.map(({ expiresAt }) => expiresAt)) }
  })),
  bad('early', 'it hides a claim a millisecond before its end', ['expires-to-the-millisecond', 'restart-maps-times'], showing((peer, { clock }) => {
    return peer.connectionStatus !== 'connected' && peer.expiresAt - clock.wall() <= 1 ? undefined : peer
  })),
  bad('late', 'it shows a claim a millisecond too long', ['expires-to-the-millisecond', 'restart-maps-times'], wrapping((store, { clock }) => {
    const shown = new Map<string, PeerInfo>()
    return {
      peek: id => {
        const [peer, last] = [store.peek(id), shown.get(id.toString())]
        if (peer != null) shown.set(id.toString(), peer)
        return peer ?? (last?.connectionStatus === 'unknown' && last.expiresAt === clock.wall() ? last : undefined)
      }
    }
  })),
  bad('sweeping all', 'expire() ignores its limit', ['expire-reports'], wrapping(store => ({ expire: async now => store.expire(now) }))),
  bad('hanging up', 'expire() drops connected peers', ['connected-stays'], wrapping(store => ({
    expire: async (now, options) => {
      for (const { peerId, addresses } of await Array.fromAsync(store.getPeers({ connected: true }))) {
        if (addresses.length === 0) await store.removePeer(peerId)
      }
      return store.expire(now, options)
    }
  }))),

  // — goodbyes —
  bad('forgetting goodbyes', 'a goodbye that comes before its claim is forgotten', ['order-free', 'withdraw-first', 'withdraw-remembered'],
    wrapping(store => ({
      withdraw: async (id, ...rest) => store.peek(id) == null ? { outcome: 'unchanged' } : store.withdraw(id, ...rest)
    }))),
  bad('banishing', 'a goodbye of one reporter takes back what others of its group said', ['withdraw-own'], wrapping(store => ({
    withdraw: async (id, source, ...rest) => {
      for (const { source: other } of store.evidence(id)) {
        if (other.path === source.path && other.group === source.group) await store.withdraw(id, other, ...rest)
      }
      return store.withdraw(id, source, ...rest)
    }
  }))),
  bad('all or nothing', 'a goodbye to one address is one to all', ['withdraw-partial'], wrapping(store => ({
    withdraw: async (id, source, at) => store.withdraw(id, source, at)
  }))),

  // — bounds —
  bad('hoarding', 'what is too much for one source it keeps under another', ['addresses-per-source'], adding(async (evidence, store) => {
    const { multiaddrs, source } = evidence
    const rest = multiaddrs.slice(limits.addressesPerSource)
    if (rest.length > 0) await store.addPeer({ ...evidence, multiaddrs: rest, source: { ...source, reporter: 'the same again' } })
    return store.addPeer({ ...evidence, multiaddrs: multiaddrs.slice(0, limits.addressesPerSource) })
  })),
  bad('first come, first served', 'once it is full it takes nobody', ['flood-displaces-own', 'flood-order-free'],
    adding(async (evidence, store, { capacity = Infinity }) => {
      const isFull = store.size >= capacity && store.peek(evidence.peerId) == null
      return isFull ? { outcome: 'refused', reason: 'full' } : store.addPeer(evidence)
    })),
  bad('unmoved', 'it does not know what we chose', ['chosen-stay', 'flood-hides-nothing'], amending(evidence => {
    return { ...evidence, source: { ...evidence.source, isChosen: false } }
  })),
  bad('one too many', 'it makes more room than it was told', ['capacity'], resized(capacity => capacity + 1)),

  // — reading —
  bad('nearly', 'the closest are not in order', ['closest-exact'], wrapping(store => ({
    getClosestPeers: async (...args) => (await store.getClosestPeers(...args)).reverse()
  }))),
  bad('generous', 'a query ignores its limit', ['queries'], wrapping(store => ({
    getPeers: query => store.getPeers({ ...query, limit: undefined })
  }))),
  bad('sharing', 'readers write into what the store keeps', ['snapshots-immutable'], wrapping(store => {
    const shared = new WeakMap<PeerInfo, PeerInfo>()
    return {
      peek: id => {
        const peer = store.peek(id)
        if (peer == null) return undefined
        const copy = shared.get(peer) ?? copyOf(peer)
        shared.set(peer, copy)
        return copy
      }
    }
  })),

  // — changes —
  bad('without past', 'an update does not say what was before', ['changes-told'], telling(change => {
    return change.kind === 'updated' ? { ...change, previous: change.peer } : change
  })),
  bad('glossing over', 'it does not say what was missed', ['changes-missed'], telling(change => change.kind === 'missed' ? undefined : change)),
  bad('endless', 'its changes do not end with stop', ['changes-end'], wrapping(() => ({ stop: () => {} }))),
  bad('one for all', 'readers share one reader', ['changes-end', 'changes-to-all'], wrapping(store => {
    const iterator = store.changes[Symbol.asyncIterator]()
    return { changes: { [Symbol.asyncIterator]: () => iterator } }
  })),

  // — contact —
  bad('lost in numbers', 'confidence of two sources is NaN', ['confidence-sound'], showing(peer => {
    return peer.sources.length > 1 && peer.sources.some(({ type }) => type === 'unheard-of') ? { ...copyOf(peer), confidence: NaN } : peer
  })),
  bad('credulous', 'hearsay refreshes lastSeen', ['order-free', 'own-contact-only'], adding(async (evidence, store, { clock }) => {
    const result = await store.addPeer(evidence)
    if (result.outcome === 'unchanged') await store.updatePeerSeen(evidence.peerId, clock.now())
    return result
  })),
  bad('forgiving', 'failures do not count', ['outcomes-monotone'], wrapping(store => ({
    recordOutcome: async (id, address, outcome) => {
      if (outcome === 'success') await store.recordOutcome(id, address, outcome)
    }
  }))),
  bad('gullible', 'what was claimed stays beside what identify said', ['identity'], wrapping(store => ({
    setIdentity: (id, { protocols, ...rest }) => {
      store.setIdentity(id, { ...rest, protocols: [...protocols, ...store.peek(id)?.protocols ?? []] })
    }
  }))),
  bad('clinging', 'a removed peer can be removed again', ['remove-peer'], wrapping(store => ({
    removePeer: async id => {
      await store.removePeer(id)
      return true
    }
  }))),

  // — durability —
  bad('amnesic', 'a restart begins with nothing', ['flushed-survives', 'restart-maps-times', 'stays-withdrawn'], good => ({
    ...good, reopen: (_store, world) => good.create(world)
  })),
  bad('on raw time', 'after a restart it takes the time to be as it was when it began', ['flushed-survives', 'restart-maps-times'],
    reopening(world => ({ ...world, clock: { ...world.clock, wall: () => world.clock.wall() - 1_000 } }))),
  bad('resurrecting', 'a restart brings back what was taken back', ['stays-withdrawn'], resurrecting)
]

type Spoil = BadPeerStore['spoil']
type Wrapping = (store: PeerStore, world: StoreWorld) => Partial<PeerStore>

function bad (name: string, fault: string, breaks: readonly string[], spoil: Spoil): BadPeerStore {
  return { name, fault, breaks, spoil }
}

/** The good store with some of its members replaced. */
function wrapping (change: Wrapping): Spoil {
  const originals = new WeakMap<PeerStore, PeerStore>()
  return good => {
    const wrap = (store: PeerStore, world: StoreWorld): PeerStore => {
      const changed = change(store, world)
      const { addPeer } = changed
      if (addPeer != null) changed.addPeers = async batch => addAll(batch, addPeer)
      const proxy = new Proxy(store, {
        get (target, key) {
          const value: unknown = Reflect.get(key in changed ? changed : target, key)
          // Methods need the target as `this`: its private fields are not the proxy's.
          return typeof value === 'function' ? value.bind(target) : value
        }
      })
      originals.set(proxy, store)
      return proxy
    }
    const { reopen } = good
    return {
      ...good,
      create: async world => wrap(await good.create(world), world),
      ...reopen != null && { reopen: async (store, world) => wrap(await reopen(originals.get(store) ?? store, world), world) }
    }
  }
}

async function addAll (batch: Iterable<Evidence>, addPeer: PeerStore['addPeer']): Promise<MergeSummary> {
  const summary: MergeSummary = { new: 0, updated: 0, unchanged: 0, refused: 0 }
  for (const evidence of batch) summary[(await addPeer(evidence)).outcome]++
  return summary
}

/** The good store that takes evidence in its own way. */
function adding (add: (evidence: Evidence, store: PeerStore, world: StoreWorld) => Promise<MergeResult>): Spoil {
  return wrapping((store, world) => ({ addPeer: async evidence => add(evidence, store, world) }))
}

/** The good store with all evidence changed on its way in. */
function amending (amend: (evidence: Evidence, store: PeerStore, world: StoreWorld) => Evidence): Spoil {
  return adding(async (evidence, store, world) => store.addPeer(amend(evidence, store, world)))
}

/** The good store with every view changed on its way out. */
function showing (show: (peer: PeerInfo, world: StoreWorld) => PeerInfo | undefined): Spoil {
  return wrapping((store, world) => {
    const peek: PeerStore['peek'] = id => {
      const peer = store.peek(id)
      return peer == null ? undefined : show(peer, world)
    }
    return { peek, getPeer: async id => peek(id) }
  })
}

/** The good store with every change changed on its way out. */
function telling (tell: (change: Change) => Change | undefined): Spoil {
  return wrapping(store => ({
    changes: {
      async * [Symbol.asyncIterator] () {
        for await (const change of store.changes) {
          const told = tell(change)
          if (told != null) yield told
        }
      }
    }
  }))
}

/** The good setup with other room. */
function resized (size: (capacity: number) => number): Spoil {
  return good => ({ ...good, create: world => good.create({ ...world, capacity: world.capacity == null ? undefined : size(world.capacity) }) })
}

/** The good setup that finds itself in another world after a restart. */
function reopening (change: (world: StoreWorld) => StoreWorld): Spoil {
  return good => {
    const { reopen } = good
    return reopen == null ? good : { ...good, reopen: (store, world) => reopen(store, change(world)) }
  }
}

function resurrecting (good: PeerStoreSetup): PeerStoreSetup {
  const dead: Evidence[] = []
  const remembering = wrapping(store => ({
    withdraw: async (id, ...rest) => {
      dead.push(...store.evidence(id))
      return store.withdraw(id, ...rest)
    }
  }))(good)
  const { create, reopen } = remembering
  return {
    ...remembering,
    create: world => {
      dead.length = 0
      return create(world)
    },
    ...reopen != null && {
      reopen: async (store, world) => {
        const after = await reopen(store, world)
        const now = world.clock.now()
        await after.addPeers(dead.map(evidence => ({ ...evidence, observedAt: now, expiresAt: now + 600_000 })))
        return after
      }
    }
  }
}
