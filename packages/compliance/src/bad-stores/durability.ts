/** Stores that are wrong about what a restart leaves. */
import { bad, type BadPeerStore } from './bad-peer-store.ts'
import { reopening, wrapping } from './spoiling.ts'
import type { Evidence } from '@peerweave/interface'
import type { PeerStoreSetup } from '../store-setup.ts'

export const badAtDurability: readonly BadPeerStore[] = [
  bad('amnesic', 'a restart begins with nothing', ['flushed-survives', 'restart-maps-times', 'hold-survives', 'stays-withdrawn'], good => ({
    ...good, reopen: (_store, world) => good.create(world)
  })),
  bad('on raw time', 'after a restart it takes the time to be as it was when it began', ['flushed-survives', 'restart-maps-times', 'hold-survives'],
    reopening(world => ({ ...world, clock: { ...world.clock, wall: () => world.clock.wall() - 1_000 } }))),
  bad('resurrecting', 'a restart brings back what was taken back', ['stays-withdrawn'], resurrecting)
]

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
