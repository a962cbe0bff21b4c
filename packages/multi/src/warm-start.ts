/**
 * After a start, peers of an earlier run are dialled, before anybody's word: with all that is configured dead, and every
 * stranger lying, these are who we can come back to.
 *
 * First those that a dial of ours proved: nobody can put himself among them by telling us of himself. Who is only hearsay
 * is dialled when that left us alone, each machine once a minute whatever is said to be there.
 */
import { limits, settledOrAborted, TimeoutError, type Clock, type Host, type Logger, type PeerInfo, type PeerStore } from '@peerweave/interface'
import { WARM_HEARSAY, WARM_TIME } from './constants.ts'
import { Dialler } from './dial-peer.ts'

export interface WarmStartInit {
  host: Host
  store: PeerStore
  clock: Clock
  log: Logger
  /** Connections that are enough, to whomever. */
  target: number
  /** Of the connection policy, so that its limits hold here too. @default one without limits */
  dialler?: Dialler | undefined
}

/** Resolves when there are enough connections, when nobody is left to be dialled, after {@link WARM_TIME}, or with `signal`. */
export async function warmStart (init: WarmStartInit, signal: AbortSignal): Promise<void> {
  const { host, store, clock } = init
  using deadline = clock.deadline(WARM_TIME, signal)
  // Those connected last, those proven longest, others by network.
  const proven = [...store.anchors(), ...store.elders(), ...store.pick({ table: 'tried', count: 4 * limits.elders })]
  await dialUntilEnough(init, proven, false, deadline.signal)
  if (deadline.signal.aborted || host.connections().length > 0) return
  const heard = (['new', 'dormant'] as const).flatMap(table => store.pick({ table, count: WARM_HEARSAY }))
  await dialUntilEnough(init, heard, true, deadline.signal)
}

async function dialUntilEnough (
  { host, store, log, target, dialler = new Dialler({ host, store, log }) }: WarmStartInit, found: readonly PeerInfo[], isHearsay: boolean, signal: AbortSignal
): Promise<void> {
  const failed: Array<() => Promise<void>> = []
  const peers = [...new Map(found.map(peer => [peer.peerId.toString(), peer])).values()]
    .filter(({ peerId, addresses }) => addresses.length > 0 && dialler.mayDial(peerId))
  let dialling = 0
  const isEnough = (): boolean => new Set(host.connections().map(({ peer }) => peer.toString())).size + dialling >= target

  const dialOn = async (): Promise<void> => {
    while (!signal.aborted && !isEnough()) {
      const peer = peers.shift()
      if (peer == null) return
      dialling++
      const dialled = await dialler.dial(peer, { signal, isHearsay })
      if (dialled.outcome === 'failed') failed.push(dialled.count)
      dialling--
    }
  }
  // No more at once than are wanted: each that fails makes room for the next.
  await settledOrAborted(Promise.all(Array.from({ length: Math.min(target, limits.parallelDials) }, dialOn)), signal)
  // Where nobody at all can be reached the fault is ours: a start without a network takes from no peer what it was known for.
  const isStopped = signal.aborted && !(signal.reason instanceof TimeoutError)
  if (!isStopped && host.connections().length > 0) for (const count of failed) await count()
}
