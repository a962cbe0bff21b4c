/** Stores that are wrong about time that did not count. */
import { bad, type BadPeerStore } from './bad-peer-store.ts'
import { wrapping } from './spoiling.ts'
import type { PeerStoreSetup } from '../store-setup.ts'

export const badAtHolding: readonly BadPeerStore[] = [
  bad('sleepless', 'it holds nothing', ['hold-extends', 'hold-brings-back', 'hold-late', 'hold-survives'], wrapping(() => ({
    hold: () => {}
  }))),
  bad('oversleeping', 'it holds a second too much', ['hold-extends', 'hold-late', 'hold-survives'], wrapping(store => ({
    hold: ms => { store.hold(ms + 1_000) }
  }))),
  bad('writing off', 'who reads what has run out drops it', ['hold-brings-back'], wrapping((store, { clock }) => ({
    peek: id => {
      const peer = store.peek(id)
      if (peer == null) void store.expire(clock.now())
      return peer
    }
  }))),
  bad('impatient', 'what comes after a hold and is from before it is as old as the clock says', ['hold-late'], wrapping((store, { clock }) => {
    let [held, at] = [0, 0]
    return {
      hold: ms => {
        [held, at] = [ms, clock.now()]
        store.hold(ms)
      },
      addPeer: async evidence => store.addPeer(evidence.observedAt < at ? { ...evidence, observedAt: evidence.observedAt - held } : evidence)
    }
  })),
  bad('in two times', 'after a hold goodbyes are of an earlier time than claims', ['hold-goodbyes'], wrapping(store => {
    let held = 0
    return {
      hold: ms => {
        held += ms
        store.hold(ms)
      },
      withdraw: async (id, source, at, multiaddrs) => store.withdraw(id, source, at - held, multiaddrs)
    }
  })),
  bad('counting it later', 'a restart counts the time that was held', ['hold-survives'], countingLater)
]

function countingLater (good: PeerStoreSetup): PeerStoreSetup {
  let held = 0
  const { reopen, ...noting } = wrapping(store => ({
    hold: ms => {
      held += ms
      store.hold(ms)
    }
  }))(good)
  return {
    ...noting,
    create: world => {
      held = 0
      return noting.create(world)
    },
    ...reopen != null && {
      reopen: (store, world) => reopen(store, { ...world, clock: { ...world.clock, wall: () => world.clock.wall() + held } })
    }
  }
}
