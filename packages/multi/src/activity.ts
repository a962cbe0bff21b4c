/**
 * What goes on while a `multi` is awake: mechanisms are asked, peers are dialled, pinged and looked for again, and what has
 * run out is dropped. All of it begins with {@link Activity.start} and ends with {@link Activity.stop}.
 */
import { limits, toError, type Host, type Logger, type PeerInfo, type PeerStore } from '@peerweave/interface'
import { ask } from './asking.ts'
import { Connector } from './connector.ts'
import { Dialler } from './dial-peer.ts'
import { Endpoints } from './endpoints.ts'
import { ExpiryTimer } from './expiry-timer.ts'
import { Judgement } from './judgement.ts'
import { refresh } from './refresher.ts'
import { warmStart } from './warm-start.ts'
import type { AccessList } from './access-list.ts'
import type { LostTime } from './clock-watch.ts'
import type { Lanes } from './lanes.ts'
import type { ResolvedMultiOptions } from './options.ts'

export interface ActivityInit extends Pick<ResolvedMultiOptions, 'clock' | 'rng' | 'connect' | 'liveness' | 'refreshInterval'> {
  host: Host
  store: PeerStore
  access: AccessList
  lanes: Lanes
  log: Logger
  /** As the option `warmStart`. */
  warmConnections: number
  /** Later than all evidence, ms. */
  stamp: () => number
  /** We were away, or the network is back: what we said of ourselves may have lapsed elsewhere. */
  onReturn: () => void
}

export class Activity {
  readonly endpoints: Endpoints
  readonly judgement: Judgement
  readonly #init: ActivityInit
  readonly #dialler: Dialler
  readonly #connector: Connector | undefined
  readonly #expiry: ExpiryTimer
  #session: AbortController | undefined

  constructor (init: ActivityInit) {
    this.#init = init
    const { host, store, clock, rng, log, access, connect, liveness, stamp } = init
    const dialler = this.#dialler = new Dialler({ host, store, log, maxOutbound: connect?.maxOutbound, mayDial: id => access.isWelcome(id) })
    this.#connector = connect == null ? undefined : new Connector({ host, store, clock, rng, log, dialler, options: connect })
    this.endpoints = new Endpoints({ host, clock, log, dialler, wants: connection => this.#connector?.wants(connection) === true })
    this.judgement = new Judgement({
      host, store, clock, rng, log, dialler, stamp, isOn: liveness, onClock: event => this.#onClock(event), onReturn: () => this.#back()
    })
    this.#expiry = new ExpiryTimer({
      store,
      clock,
      mayExpire: () => {
        // After a sleep this timer may be the first to fire.
        this.judgement.check()
        return this.judgement.status()?.state !== 'preserving'
      },
      onError: error => log.error('the store failed to expire - %e', toError(error))
    })
  }

  start (): void {
    if (this.#session != null) return
    const session = this.#session = new AbortController()
    const { signal } = session
    const { lanes, store, clock, rng, refreshInterval } = this.#init
    this.judgement.start(signal)
    this.#expiry.start()
    lanes.open()
    this.endpoints.start()
    this.#connector?.start()
    void refresh({ store, clock, rng, interval: refreshInterval, probe: async (peer, signal) => { await this.#probe(peer, signal) } }, signal)
  }

  stop (): void {
    this.#session?.abort()
    this.#session = undefined
    this.#init.lanes.close()
    this.endpoints.stop()
    this.#connector?.stop()
    this.#expiry.stop()
  }

  /** In the background: back to the peers of an earlier run. */
  warmUp (): void {
    const { host, store, clock, log, warmConnections: target } = this.#init
    const signal = this.#session?.signal
    if (target === 0 || signal == null) return
    warmStart({ host, store, clock, log, target, dialler: this.#dialler }, signal)
      .catch(error => log.error('the warm start failed - %e', toError(error)))
  }

  /** Evidence was stored that runs out then (monotonic ms). */
  dueAt (at: number): void {
    this.#expiry.dueAt(at)
  }

  /** Somebody came into the view. */
  found (): void {
    this.#connector?.found()
  }

  #onClock ({ kind, ms }: LostTime): void {
    this.#init.log('%s of %d ms', kind, ms)
    // In a short stall nobody forgot us.
    if (kind === 'sleep') this.#back()
  }

  #back (): void {
    if (this.#session == null) return
    this.#connector?.retry()
    this.#init.lanes.askNow()
    this.#init.onReturn()
  }

  /** By those mechanisms that can look a single peer up; a round of the others would tell of anybody. */
  async #probe ({ peerId: peer }: PeerInfo, signal: AbortSignal): Promise<void> {
    const { clock, lanes } = this.#init
    using end = clock.deadline(limits.roundDeadline, signal)
    const routers = [...lanes].filter(({ mechanism }) => mechanism.findPeer != null)
    try {
      for await (const { peerId } of ask(routers, { clock, need: 1, peer, signal: end.signal })) if (peerId.equals(peer)) return
    } catch { /* its lane says why */ }
  }
}
