/** Stores that are wrong about what we saw ourselves. */
import { copyOf } from '../store-plain.ts'
import { bad, type BadPeerStore } from './bad-peer-store.ts'
import { adding, showing, wrapping } from './spoiling.ts'

export const badAtContact: readonly BadPeerStore[] = [
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
  bad('in denial', 'who was found gone stays as long as one source claims it', ['dismiss'], wrapping(store => ({
    dismiss: async (id, at) => {
      const [first] = store.evidence(id)
      if (first == null) return false
      await store.withdraw(id, first.source, at)
      return true
    }
  }))),
  bad('sentimental', 'clear keeps whom we reached ourselves', ['clear'], wrapping(store => ({
    clear: async () => {
      const tried = new Set(store.pick({ table: 'tried', count: 100 }).map(({ peerId }) => peerId.toString()))
      for (const { peerId } of await Array.fromAsync(store.getPeers())) if (!tried.has(peerId.toString())) await store.removePeer(peerId)
    }
  }))),
  bad('tactful', 'a failed connection is shown as a closed one', ['connection'], wrapping(store => ({
    setConnection: (id, status) => { store.setConnection(id, status === 'failed' ? 'disconnected' : status) }
  })))
]
