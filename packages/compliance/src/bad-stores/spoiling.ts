/** The ways to spoil a good store: what goes in, what comes out, the room it has, the world it wakes up in. */
import type { Change, Evidence, MergeResult, MergeSummary, PeerInfo, PeerStore, Source } from '@peerweave/interface'
import type { StoreWorld } from '../store-setup.ts'
import type { Spoil } from './bad-peer-store.ts'

type Wrapping = (store: PeerStore, world: StoreWorld) => Partial<PeerStore>

/** The good store with some of its members replaced. */
export function wrapping (change: Wrapping): Spoil {
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
export function adding (add: (evidence: Evidence, store: PeerStore, world: StoreWorld) => Promise<MergeResult>): Spoil {
  return wrapping((store, world) => ({ addPeer: async evidence => add(evidence, store, world) }))
}

/** The good store with all evidence changed on its way in. */
export function amending (amend: (evidence: Evidence, store: PeerStore, world: StoreWorld) => Evidence): Spoil {
  return adding(async (evidence, store, world) => store.addPeer(amend(evidence, store, world)))
}

/** The good store with every view changed on its way out. */
export function showing (show: (peer: PeerInfo, world: StoreWorld) => PeerInfo | undefined): Spoil {
  return wrapping((store, world) => {
    const peek: PeerStore['peek'] = id => {
      const peer = store.peek(id)
      return peer == null ? undefined : show(peer, world)
    }
    return { peek, getPeer: async id => peek(id) }
  })
}

/** The good store with every change changed on its way out. */
export function telling (tell: (change: Change) => Change | undefined): Spoil {
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
export function resized (size: (capacity: number) => number): Spoil {
  return good => ({ ...good, create: world => good.create({ ...world, capacity: world.capacity == null ? undefined : size(world.capacity) }) })
}

/** The good setup that finds itself in another world after a restart. */
export function reopening (change: (world: StoreWorld) => StoreWorld): Spoil {
  return good => {
    const { reopen } = good
    return reopen == null ? good : { ...good, reopen: (store, world) => reopen(store, change(world)) }
  }
}

/** Whether both are one source: the ledger key is the same. */
export function isSame (a: Source, b: Source): boolean {
  return a.path === b.path && a.group === b.group && a.reporter === b.reporter
}
