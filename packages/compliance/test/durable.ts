/**
 * The smallest durable store: the one in memory, with a journal of what was done, done again after a restart, each at
 * its own time. Only to try the suite on.
 */
import { memoryPeerStore } from '@peerweave/peer-store'
import type { PeerStore, VirtualClock } from '@peerweave/interface'
import type { PeerStoreSetup, StoreWorld } from '../src/index.ts'

/** Its times are wall-clock. */
type Entry = (store: PeerStore, shift: number) => unknown
interface Journal { entries: Array<{ wall: number, redo: Entry }> }

const journals = new WeakMap<PeerStore, Journal>()

export const durable: PeerStoreSetup = {
  name: 'journalled memory',
  create: world => open(world, { entries: [] }),
  reopen: (store, world) => open(world, journals.get(store) ?? { entries: [] })
}

function open ({ clock, capacity, hashKey }: StoreWorld, journal: Journal): PeerStore {
  const toWall = clock.wall() - clock.now()
  let replaying: number | undefined
  const now = (): number => replaying ?? clock.now()
  const replayable: VirtualClock = { ...clock, now, wall: () => now() + toWall }
  const store = memoryPeerStore({ clock: replayable, capacity, hashKey })
  for (const { wall, redo } of journal.entries) {
    replaying = wall - toWall
    // The store in memory does its work before it returns: awaiting can wait until all is done.
    void redo(store, -toWall)
  }
  replaying = undefined

  const note = (redo: Entry): void => { journal.entries.push({ wall: clock.wall(), redo }) }
  const noted: Partial<PeerStore> = {
    addPeer: async evidence => {
      const { observedAt, expiresAt, source, multiaddrs, protocols, metadata, ...rest } = evidence
      const kept = {
        ...rest, multiaddrs: [...multiaddrs], source: { ...source }, protocols: [...protocols ?? []], metadata: new Map(metadata)
      }
      note((store, shift) => store.addPeer({ ...kept, observedAt: observedAt + toWall + shift, expiresAt: expiresAt + toWall + shift }))
      return store.addPeer(evidence)
    },
    withdraw: async (id, source, at, multiaddrs) => {
      note((store, shift) => store.withdraw(id, source, at + toWall + shift, multiaddrs))
      return store.withdraw(id, source, at, multiaddrs)
    },
    hold: ms => {
      note(store => { store.hold(ms) })
      store.hold(ms)
    },
    dismiss: async (id, at) => {
      note((store, shift) => store.dismiss(id, at + toWall + shift))
      return store.dismiss(id, at)
    },
    clear: async () => {
      note(store => store.clear())
      await store.clear()
    },
    removePeer: async id => {
      note(store => store.removePeer(id))
      return store.removePeer(id)
    },
    recordOutcome: async (id, address, outcome) => {
      note(store => store.recordOutcome(id, address, outcome))
      return store.recordOutcome(id, address, outcome)
    }
  }
  const proxy = new Proxy(store, {
    get (target, key) {
      const value: unknown = Reflect.get(key in noted ? noted : target, key)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
  journals.set(proxy, journal)
  return proxy
}
