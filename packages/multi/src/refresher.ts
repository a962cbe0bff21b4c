/**
 * Peers that are about to leave the view because nobody repeats what was said of them are looked for again, the most
 * likely ones first. Who is gone is not kept by it: only what is said or seen anew counts.
 */
import { jitter, type Clock, type PeerInfo, type PeerStore, type Rng } from '@peerweave/interface'
import { INTERVAL_JITTER, REFRESHED } from './constants.ts'

export interface RefresherInit {
  store: PeerStore
  clock: Clock
  rng: Rng
  /** ms; `Infinity`: never */
  interval: number
  /** Asks for a peer, or for whether it is still there. Never rejects. */
  probe: (peer: PeerInfo, signal: AbortSignal) => Promise<void>
}

/** Resolves when the signal fires. */
export async function refresh ({ store, clock, rng, interval, probe }: RefresherInit, signal: AbortSignal): Promise<void> {
  if (interval === Infinity) return
  while (!signal.aborted) {
    await clock.sleep(jitter(rng, interval, INTERVAL_JITTER), { signal }).catch(() => {}) // then it has ended
    if (signal.aborted) return
    const end = clock.wall() + interval * (1 + INTERVAL_JITTER)
    const due: PeerInfo[] = []
    for await (const peer of store.getPeers({ connected: false })) {
      if (peer.expiresAt < end && due.push(peer) === REFRESHED) break
    }
    for (const peer of due) {
      if (signal.aborted) return
      await probe(peer, signal)
    }
  }
}
