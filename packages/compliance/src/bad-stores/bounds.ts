/** Stores that are wrong about how much they keep, and of whom. */
import { limits, type Evidence, type Source } from '@peerweave/interface'
import { addressesOf, copyOf } from '../store-plain.ts'
import { bad, type BadPeerStore, type Spoil } from './bad-peer-store.ts'
import { adding, amending, isSame, resized, wrapping } from './spoiling.ts'

export const badAtBounds: readonly BadPeerStore[] = [
  bad('hoarding', 'what is too much for one source it keeps under another', ['addresses-per-source'], adding(async (evidence, store) => {
    const { multiaddrs, source } = evidence
    const rest = multiaddrs.slice(limits.addressesPerSource)
    if (rest.length > 0) await store.addPeer({ ...evidence, multiaddrs: rest, source: { ...source, reporter: 'the same again' } })
    return store.addPeer({ ...evidence, multiaddrs: multiaddrs.slice(0, limits.addressesPerSource) })
  })),
  bad('boastful', 'it shows every address that it has', ['addresses-per-peer'], wrapping(store => ({
    peek: id => {
      const peer = store.peek(id)
      const last = peer?.addresses.at(-1)
      if (peer == null || last == null || peer.addresses.length < limits.addressesPerPeer) return peer
      const shown = new Set(addressesOf(peer))
      const hidden = store.evidence(id).flatMap(({ multiaddrs }) => multiaddrs).filter(one => !shown.has(one.toString()))
      return { ...copyOf(peer), addresses: [...peer.addresses, ...hidden.map(multiaddr => ({ ...last, multiaddr }))] }
    }
  }))),
  bad('crowded', 'it keeps sources beyond the bound', ['sources-per-peer'], keepingBeyond((_source, kept) => {
    return kept.length >= limits.sourcesPerPeer
  })),
  bad('talkative', 'it keeps reporters beyond the bound', ['reporters-per-group'], keepingBeyond((source, kept) => {
    return kept.filter(({ path, group }) => path === source.path && group === source.group).length >= limits.reportersPerGroup
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
  bad('guilt by association', 'whom a flood names too goes with it', ['naming-costs-nothing'], adding(async (evidence, store) => {
    const result = await store.addPeer(evidence)
    if (result.outcome !== 'refused' || result.reason !== 'full') return result
    const { group } = evidence.source
    for (const { peerId } of await Array.fromAsync(store.getPeers())) {
      const groups = new Set(store.evidence(peerId).map(({ source }) => source.group))
      if (groups.size > 1 && groups.has(group)) await store.removePeer(peerId)
    }
    return store.addPeer(evidence)
  })),
  bad('disloyal', 'when it is full it drops whom it is connected to', ['connected-not-displaced'], adding(async (evidence, store) => {
    const result = await store.addPeer(evidence)
    if (result.outcome !== 'refused' || result.reason !== 'full') return result
    for (const { peerId } of await Array.fromAsync(store.getPeers({ connected: true }))) await store.removePeer(peerId)
    return store.addPeer(evidence)
  }))
]

/** The good store that keeps aside what it has no room for, and lists it as evidence. */
function keepingBeyond (isBeyond: (source: Source, kept: readonly Source[]) => boolean): Spoil {
  return wrapping(store => {
    const heard: Evidence[] = []
    return {
      addPeer: async evidence => {
        heard.push({ ...evidence, source: { ...evidence.source } })
        return store.addPeer(evidence)
      },
      evidence: id => {
        const live = store.evidence(id)
        const kept = live.map(({ source }) => source)
        const aside = heard.filter(({ peerId, source }) => {
          return peerId.equals(id) && !kept.some(other => isSame(other, source)) && isBeyond(source, kept)
        })
        return [...live, ...aside]
      }
    }
  })
}
