/** Stores that are wrong about what is claimed, runs out and is taken back. */
import { limits, type PeerInfo } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { copyOf } from '../store-plain.ts'
import { bad, type BadPeerStore } from './bad-peer-store.ts'
import { adding, amending, isSame, showing, telling, wrapping } from './spoiling.ts'

/** What a sound stamp may be ahead of our time, ms. */
const STAMP_SLACK = 1_000

const NOWHERE = multiaddr('/ip4/192.0.2.255/tcp/1')

export const badAtMerging: readonly BadPeerStore[] = [
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
  bad('patient', 'it stamps stale evidence anew', ['refuses-stale', 'hold-late', 'hold-goodbyes'], amending((evidence, _store, { clock }) => {
    const isStale = evidence.observedAt < clock.now() - limits.evidenceLag && evidence.observedAt >= 0
    return isStale ? { ...evidence, observedAt: clock.now() } : evidence
  })),
  bad('wholesale', 'what a later claim leaves out it shows no more', ['items-apart'], wrapping(store => ({
    peek: id => {
      const [peer, said] = [store.peek(id), store.evidence(id)]
      const outdated = said.filter(one => said.some(({ source, observedAt }) => isSame(source, one.source) && observedAt > one.observedAt))
      const leftOut = outdated.flatMap(({ protocols = [] }) => protocols)
      if (peer == null || leftOut.length === 0) return peer
      return { ...copyOf(peer), protocols: peer.protocols.filter(name => !leftOut.includes(name)) }
    }
  }))),
  bad('borrowing', 'it keeps the list that the caller handed in', ['evidence-copied'], wrapping(store => {
    const borrowed = new Map<string, { list: string[], length: number }>()
    return {
      addPeer: async evidence => {
        const { peerId, protocols } = evidence
        if (protocols != null) borrowed.set(peerId.toString(), { list: protocols, length: protocols.length })
        return store.addPeer(evidence)
      },
      peek: id => {
        const [peer, { list = [], length = 0 } = {}] = [store.peek(id), borrowed.get(id.toString())]
        return peer == null || list.length === length ? peer : { ...copyOf(peer), protocols: [...list] }
      }
    }
  }))
]

export const badAtExpiry: readonly BadPeerStore[] = [
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
  bad('passing over', 'it does not say when one of two sources has run out', ['source-runs-out'], telling(change => {
    return change.kind === 'updated' && change.cause.kind === 'expiry' ? undefined : change
  })),
  bad('eternal', 'what is claimed for ever stands for ever', ['ttl-clamped'], wrapping((store, { clock }) => {
    const claimed = new Map<string, number>()
    return {
      addPeer: async evidence => {
        claimed.set(evidence.peerId.toString(), evidence.expiresAt - evidence.observedAt)
        return store.addPeer(evidence)
      },
      peek: id => {
        const [peer, ttl = 0] = [store.peek(id), claimed.get(id.toString())]
        return peer == null || !(ttl > limits.ttlMax) ? peer : { ...copyOf(peer), expiresAt: clock.wall() + ttl }
      }
    }
  })),
  bad('prophetic', 'a stamp from the future stands until then', ['stamp-clamped'], amending((evidence, _store, { clock }) => {
    const isAhead = evidence.observedAt > clock.now() + STAMP_SLACK
    return isAhead ? { ...evidence, observedAt: clock.now() } : evidence
  }))
]

export const badAtGoodbyes: readonly BadPeerStore[] = [
  bad('forgetting goodbyes', 'a goodbye that comes before its claim is forgotten', ['order-free', 'hold-goodbyes', 'withdraw-first', 'withdraw-remembered'],
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
  bad('hospitable', 'whoever says goodbye to nobody takes a place', ['withdraw-stranger'], wrapping((store, { capacity = Infinity }) => ({
    withdraw: async (id, source, at, ...rest) => {
      const expiresAt = at + limits.ttlMin
      if (store.size >= capacity) await store.addPeer({ peerId: id, multiaddrs: [NOWHERE], source, observedAt: at, expiresAt })
      return store.withdraw(id, source, at, ...rest)
    }
  })))
]
