/** Stores that are wrong about what they show and tell. */
import { copyOf } from '../store-plain.ts'
import { bad, type BadPeerStore } from './bad-peer-store.ts'
import { isSame, telling, wrapping } from './spoiling.ts'
import type { Evidence, PeerInfo } from '@peerweave/interface'

export const badAtReading: readonly BadPeerStore[] = [
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
  bad('calling up the dead', 'what was taken back it lists as evidence', ['evidence-live'], wrapping(store => {
    const dead: Evidence[] = []
    return {
      withdraw: async (id, source, ...rest) => {
        dead.push(...store.evidence(id).filter(evidence => isSame(evidence.source, source)))
        return store.withdraw(id, source, ...rest)
      },
      evidence: id => [...store.evidence(id), ...dead.filter(({ peerId }) => peerId.equals(id))]
    }
  }))
]

export const badAtChanges: readonly BadPeerStore[] = [
  bad('without past', 'an update does not say what was before', ['changes-told'], telling(change => {
    return change.kind === 'updated' ? { ...change, previous: change.peer } : change
  })),
  bad('glossing over', 'it does not say what was missed', ['changes-missed'], telling(change => change.kind === 'missed' ? undefined : change)),
  bad('endless', 'its changes do not end with stop', ['changes-end'], wrapping(() => ({ stop: () => {} }))),
  bad('one for all', 'readers share one reader', ['changes-end', 'changes-to-all'], wrapping(store => {
    const iterator = store.changes[Symbol.asyncIterator]()
    return { changes: { [Symbol.asyncIterator]: () => iterator } }
  })),
  bad('quiet', 'it does not say who was displaced', ['changes-displaced'], telling(change => {
    return change.kind === 'lost' && change.cause.kind === 'displaced' ? undefined : change
  }))
]
