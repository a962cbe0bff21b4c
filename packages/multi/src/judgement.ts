/**
 * What follows from who is alive: a dead peer leaves the view at once and hearsay does not bring it back, and while most
 * peers are silent at once, or we were not there, no time passes for what is known.
 */
import { LimitExceededError, withPeer, limits, type Clock, type Host, type Logger, type PeerStore, type Rng, type Timer } from '@peerweave/interface'
import { HOLD_STEP } from './constants.ts'
import { Liveness, type LivenessStatus } from './liveness.ts'
import { Quarantine } from './quarantine.ts'
import type { PeerId } from '@libp2p/interface'
import type { LostTime } from './clock-watch.ts'
import type { Dialler } from './dial-peer.ts'

export interface JudgementInit {
  host: Host
  store: PeerStore
  clock: Clock
  rng: Rng
  log: Logger
  dialler: Dialler
  /** `false`: nobody is pinged, and nobody is dead but by what is said. */
  isOn: boolean
  /** Later than all evidence, ms. */
  stamp: () => number
  onClock: (event: LostTime) => void
  /** Most peers were silent at once, and are there again. */
  onReturn: () => void
}

export class Judgement {
  readonly quarantine: Quarantine
  readonly #init: JudgementInit
  readonly #liveness: Liveness | undefined
  #hold: Timer | undefined
  /** While nobody is judged: until when time was taken back. */
  #heldUntil: number | undefined

  constructor (init: JudgementInit) {
    this.#init = init
    const { host, store, clock, rng, log, dialler, isOn, onClock } = init
    this.quarantine = new Quarantine({ clock })
    if (!isOn) return
    this.#liveness = new Liveness({
      host,
      clock,
      rng,
      log,
      onClock,
      // While nobody is judged all time is taken back, this too: none of it may be twice.
      onLostTime: ms => { if (this.#heldUntil == null) store.hold(ms) },
      onExpire: peer => { this.#expire(peer).catch(error => log.error('%p could not be taken out - %e', peer, error)) },
      onPreserve: isPreserving => {
        this.#preserve(isPreserving)
        if (!isPreserving) init.onReturn()
      },
      reach: async (peer, { signal }) => {
        const addresses = store.peek(peer)?.addresses.slice(0, limits.addressesPerDial) ?? []
        if (addresses.length === 0) throw new LimitExceededError('no address of it is known any more')
        await dialler.open(addresses.map(({ multiaddr }) => withPeer(multiaddr, peer)), { signal })
      }
    })
  }

  /** Until the signal fires. */
  start (signal: AbortSignal): void {
    const { host } = this.#init
    host.events.addEventListener('connect', ({ detail: { peer } }) => { this.quarantine.release(peer) }, { signal })
    this.#liveness?.start()
    signal.addEventListener('abort', () => {
      this.#liveness?.stop()
      this.#preserve(false)
    }, { once: true })
  }

  status (): LivenessStatus | undefined {
    return this.#liveness?.status()
  }

  isSuspected (peer: PeerId): boolean {
    return this.#liveness?.isSuspected(peer) === true
  }

  /** Notices time that was lost, before somebody measures ages in it. */
  check (): void {
    this.#liveness?.check()
  }

  async #expire (peer: PeerId): Promise<void> {
    const { store, stamp } = this.#init
    const evidence = store.evidence(peer)
    const seq = evidence.reduce<bigint | undefined>((most, { record }) => record != null && (most == null || record.seq > most) ? record.seq : most, undefined)
    this.quarantine.add(peer, { seq })
    // Where we were told to find it we have just not found it.
    const [best] = store.peek(peer)?.addresses ?? []
    if (best != null) await store.recordOutcome(peer, best.multiaddr, 'failure')
    await store.dismiss(peer, stamp())
  }

  #preserve (isPreserving: boolean): void {
    const { clock } = this.#init
    this.#hold?.cancel()
    if (isPreserving) {
      this.#heldUntil = clock.now()
      this.#holdLater()
    } else {
      this.#takeBack()
      this.#heldUntil = undefined
    }
  }

  #holdLater (): void {
    this.#hold = this.#init.clock.setTimeout(() => {
      this.#takeBack()
      this.#holdLater()
    }, HOLD_STEP)
  }

  #takeBack (): void {
    if (this.#heldUntil == null) return
    const now = this.#init.clock.now()
    this.#init.store.hold(Math.max(0, now - this.#heldUntil))
    this.#heldUntil = now
  }
}
