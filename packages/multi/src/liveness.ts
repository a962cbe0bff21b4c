/**
 * Which connected peers are still there. Each is pinged when nothing was heard of it for a while; one that does not answer
 * is first suspected, and dead when it had more time than a stalled process needs.
 *
 * Three times silence says nothing of the silent: while we were away ourselves (`clock-watch.ts`), when most peers fell
 * silent at once, and when our own addresses vanished. Then nobody is declared dead: see {@link LivenessStatus.state}.
 */
import {
  addressScope, jitter, limits, NotStartedError, toError, type Clock, type Host, type HostConnection, type Identified, type Logger, type Rng,
  type Timer
} from '@peerweave/interface'
import { ClockWatch, type LostTime } from './clock-watch.ts'
import {
  MASS_SILENCE_MIN, PRESERVE_PARTLY, PROBE_INTERVAL, PROBE_JITTER, PROBE_RETRY, PROBE_TURNS, PROBES_PER_SECOND, REACH_INTERVAL, REACH_TIMEOUT,
  RETURN_PATIENCE, RETURNED, SLEEP_GRACE, STALL_GRACE
} from './constants.ts'
import { LocalHealth } from './local-health.ts'
import { deathAfter, isMassSilence, RoundTrip, suspicionAfter } from './suspicion.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface LivenessInit {
  host: Host
  clock: Clock
  rng: Rng
  log?: Logger | undefined
  /** It did not answer in time. */
  onSuspect?: ((peer: PeerId) => void) | undefined
  /** It was suspected, and is there. */
  onAlive?: ((peer: PeerId) => void) | undefined
  /** It is dead: silent for longer than a stall. Its connection is being closed. */
  onExpire?: ((peer: PeerId) => void) | undefined
  /** So much monotonic time, ms, passed without us: what was to stand until some moment stands so much longer. */
  onLostTime?: ((ms: number) => void) | undefined
  /** A stall, a sleep or a jump of the wall clock, for whoever reports it. */
  onClock?: ((event: LostTime) => void) | undefined
  /** Nobody is declared dead from now on; or somebody may be again. */
  onPreserve?: ((isPreserving: boolean) => void) | undefined
  /**
   * Dials a silent peer whose connection is gone; resolves when it answered. Without it a peer whose connection broke while
   * it was suspected has only until its time is up to come back by itself, and a return from a cut is noticed when
   * somebody else connects. At most `limits.parallelDials` at once, each until its signal after {@link REACH_TIMEOUT}.
   */
  reach?: ((peer: PeerId, options: { signal: AbortSignal }) => Promise<unknown>) | undefined
  /** Probes a second, of all peers together. More of them notice a crash among many peers sooner. @default {@link PROBES_PER_SECOND} */
  probesPerSecond?: number | undefined
}

export interface LivenessStatus {
  /** `preserving`: most peers fell silent at once, or all connections or our own addresses went: nobody is declared dead. */
  readonly state: 'watching' | 'preserving'
  readonly watched: number
  readonly suspected: number
  /** 0: we are well; up to {@link HEALTH_WORST}: our own timers came late. */
  readonly health: number
}

interface Probe {
  readonly end: AbortController
  /** ms awake */
  readonly sentAt: number
}

/** All times are ms awake. */
interface Watched {
  readonly peer: PeerId
  readonly roundTrip: RoundTrip
  /** The ping that waits for its answer. It is not repeated while it waits: on a stream nothing overtakes it. */
  probe: Probe | undefined
  nextProbe: number
  /** When the first probe was sent of those that went unanswered since it was heard last. */
  silentSince: number | undefined
  /** When it is suspected or, suspected already, dead. */
  judgedAt: number
  isConnected: boolean
  /** It does not speak ping. */
  isExempt: boolean
  isSuspected: boolean
  /** Silent while we are `preserving`. */
  isHeld: boolean
  /** It was, and is judged by itself now. */
  hasReturned: boolean
  isBeingReached: boolean
  /** The last dial of it failed; another one follows then, if there is time for it. */
  wasNotReached: boolean
  reachAgainAt: number
}

interface Preserving {
  readonly since: number
  /** When the first of the silent ones fell silent. */
  readonly began: number
  held: number
  returned: number
}

export class Liveness {
  readonly #init: LivenessInit
  readonly #watch: ClockWatch
  readonly #health = new LocalHealth()
  /** BOUNDED: `limits.connections` that are connected, further ones are not watched; as many silent ones that are not. */
  readonly #peers = new Map<string, Watched>()
  #preserving: Preserving | undefined
  /** Nobody is declared dead before. */
  #notBefore = 0
  /** When connections closed that nobody suspected, of late. BOUNDED by `limits.connections`. */
  #closed: number[] = []
  #nextReach = 0
  /** We had an address that others can reach. */
  #hadHome = false
  #session: AbortController | undefined
  #timer: Timer | undefined
  #wakesAt = Infinity

  constructor (init: LivenessInit) {
    this.#init = init
    this.#watch = new ClockWatch({ clock: init.clock, onLost: event => this.#onLost(event) })
  }

  start (): void {
    if (this.#session != null) return
    this.#session = new AbortController()
    const { host } = this.#init
    this.#watch.start()
    this.#hadHome = host.addresses().some(isHome)
    host.events.addEventListener('connect', this.#onConnect)
    host.events.addEventListener('disconnect', this.#onDisconnect)
    host.events.addEventListener('identify', this.#onIdentify)
    host.events.addEventListener('addresses', this.#onAddresses)
    for (const { peer } of host.connections()) this.#add(peer)
  }

  /** Forgets all: peers are watched anew after the next start. */
  stop (): void {
    if (this.#session == null) return
    this.#session.abort(new NotStartedError('liveness was stopped'))
    this.#session = undefined
    const { host } = this.#init
    host.events.removeEventListener('connect', this.#onConnect)
    host.events.removeEventListener('disconnect', this.#onDisconnect)
    host.events.removeEventListener('identify', this.#onIdentify)
    host.events.removeEventListener('addresses', this.#onAddresses)
    this.#watch.stop()
    this.#timer?.cancel()
    this.#wakesAt = Infinity
    for (const watched of this.#peers.values()) this.#endProbe(watched)
    this.#peers.clear()
    this.#preserving = undefined
    this.#closed = []
  }

  status (): LivenessStatus {
    return {
      state: this.#preserving == null ? 'watching' : 'preserving',
      watched: this.#peers.size,
      suspected: this.#count(({ isSuspected }) => isSuspected),
      health: this.#health.score(this.#watch.awake())
    }
  }

  isSuspected (peer: PeerId): boolean {
    return this.#peers.get(peer.toString())?.isSuspected === true
  }

  /**
   * Notices lost time now, and tells of it. For a timer of somebody else that goes by ages: after a sleep it may be the
   * first to fire.
   */
  check (): void {
    this.#watch.check()
  }

  // — what the host tells —

  readonly #onConnect = ({ detail: { peer } }: CustomEvent<HostConnection>): void => {
    const now = this.#watch.awake()
    const watched = this.#peers.get(peer.toString())
    if (watched == null) {
      this.#add(peer)
    } else {
      // The probe went over another connection, which may be left over from a run of the peer that has ended.
      this.#endProbe(watched)
      watched.isConnected = true
      watched.isExempt = false
      this.#alive(watched, now)
    }
    this.#return(now)
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
    const key = detail.toString()
    const watched = this.#peers.get(key)
    if (watched == null) return
    const now = this.#watch.awake()
    this.#endProbe(watched)
    watched.isConnected = false
    watched.nextProbe = Infinity
    if (!watched.isSuspected) {
      this.#peers.delete(key)
      this.#wentAway(now)
      return
    }
    // Nobody closes in order what he does not answer on. It is dead in its time, unless it can be reached again.
    watched.wasNotReached = false
    this.#makeRoom()
    this.#reachSome(now)
    this.#wakeAt(Math.min(watched.judgedAt, now + REACH_INTERVAL))
  }

  readonly #onIdentify = ({ detail: { peer } }: CustomEvent<Identified>): void => {
    const watched = this.#peers.get(peer.toString())
    if (watched?.isConnected === true && !watched.isExempt) this.#alive(watched, this.#watch.awake())
  }

  readonly #onAddresses = ({ detail }: CustomEvent<Multiaddr[]>): void => {
    const hasHome = detail.some(isHome)
    const now = this.#watch.awake()
    if (this.#hadHome && !hasHome) this.#preserve(now)
    else if (hasHome && !this.#hadHome) this.#return(now)
    this.#hadHome = hasHome
  }

  #onLost (event: LostTime): void {
    const now = this.#watch.awake()
    const { kind, ms, lost } = event
    this.#init.log?.('%s of %d ms', kind, ms)
    this.#tell(() => this.#init.onClock?.(event))
    if (lost > 0) this.#tell(() => this.#init.onLostTime?.(lost))
    if (kind === 'jump') return
    if (lost > 0) this.#health.worsen(lost, now)
    this.#notBefore = Math.max(this.#notBefore, now + (kind === 'sleep' ? SLEEP_GRACE : STALL_GRACE))
    for (const watched of this.#peers.values()) {
      // What was in flight meanwhile is as if it were sent now, and what was due is spread over an interval.
      if (watched.silentSince != null && !watched.isSuspected) this.#expectAnswer(watched, now)
      if (watched.nextProbe <= now) watched.nextProbe = now + this.#init.rng.float() * this.#interval()
    }
  }

  // — one peer —

  #add (peer: PeerId): void {
    const key = peer.toString()
    if (this.#peers.has(key) || this.#count(({ isConnected }) => isConnected) >= limits.connections) return
    const nextProbe = this.#watch.awake() + this.#init.rng.float() * this.#interval()
    this.#peers.set(key, {
      peer,
      roundTrip: new RoundTrip(),
      probe: undefined,
      nextProbe,
      silentSince: undefined,
      judgedAt: Infinity,
      isConnected: true,
      isExempt: false,
      isSuspected: false,
      isHeld: false,
      hasReturned: false,
      isBeingReached: false,
      wasNotReached: false,
      reachAgainAt: 0
    })
    this.#wakeAt(nextProbe)
  }

  #probe (watched: Watched, now: number): void {
    watched.nextProbe = Infinity
    if (watched.silentSince == null) this.#expectAnswer(watched, now)
    if (watched.probe != null) return // something else was heard since it was sent: it counts as sent now
    const probe = { end: new AbortController(), sentAt: now }
    watched.probe = probe
    this.#init.host.ping(watched.peer, { signal: probe.end.signal }).then(
      rtt => {
        if (watched.probe !== probe) return
        watched.probe = undefined
        const now = this.#watch.awake()
        // The host counts time in which we were away, and may have sent it for somebody else before.
        watched.roundTrip.add(Math.min(rtt, now - probe.sentAt))
        this.#alive(watched, now)
      },
      error => {
        if (watched.probe !== probe) return
        watched.probe = undefined
        this.#failed(watched, toError(error))
      }
    )
  }

  #failed (watched: Watched, error: Error): void {
    const now = this.#watch.awake()
    this.#init.log?.trace('ping of %p failed - %e', watched.peer, error)
    switch (error.name) {
      case 'NotFoundError':
        this.#alive(watched, now)
        watched.isExempt = true
        watched.nextProbe = Infinity
        break
      case 'NetworkError': // it is there, and refuses
        this.#alive(watched, now)
        break
      case 'NotStartedError':
      case 'AbortError': // our own host ended it
        if (!watched.isSuspected) this.#alive(watched, now)
        break
      default: // that a connection closed is told by itself, and there may be another
        watched.nextProbe = watched.isConnected ? now + PROBE_RETRY : Infinity
        this.#wakeAt(watched.nextProbe)
    }
  }

  #expectAnswer (watched: Watched, now: number): void {
    watched.silentSince = now
    watched.judgedAt = now + suspicionAfter(watched.roundTrip.ms, this.#health.factor(now))
  }

  /** Something was heard of it. */
  #alive (watched: Watched, now: number): void {
    const { isSuspected, isHeld } = watched
    watched.silentSince = undefined
    watched.judgedAt = Infinity
    watched.isSuspected = false
    watched.isHeld = false
    watched.hasReturned = false
    watched.nextProbe = now + jitter(this.#init.rng, this.#interval(), PROBE_JITTER)
    this.#wakeAt(watched.nextProbe)
    if (isHeld && this.#preserving != null) this.#preserving.returned++
    if (isSuspected) this.#tell(() => this.#init.onAlive?.(watched.peer))
  }

  #suspect (watched: Watched, now: number): void {
    watched.isSuspected = true
    watched.judgedAt = Math.max((watched.silentSince ?? now) + deathAfter(watched.roundTrip.ms), this.#notBefore)
    if (this.#preserving != null) this.#hold(watched, this.#preserving)
    this.#tell(() => this.#init.onSuspect?.(watched.peer))
  }

  /** Its time is up. */
  #judge (watched: Watched, now: number): void {
    if (now < this.#notBefore) {
      watched.judgedAt = this.#notBefore
    } else if (!watched.isConnected && !watched.wasNotReached && this.#init.reach != null) {
      watched.judgedAt = now + PROBE_RETRY // it is being dialled, or waits for its turn
    } else if (!watched.hasReturned && this.#isMassSilence(now)) {
      this.#preserve(now)
    } else {
      this.#expire(watched)
    }
  }

  #expire (watched: Watched): void {
    const { peer } = watched
    const { host, log, onExpire } = this.#init
    this.#endProbe(watched)
    this.#peers.delete(peer.toString())
    log?.('%p is dead', peer)
    // Should it be there after all it must connect again, and is known to be alive by that.
    if (watched.isConnected) host.close(peer, 'it does not answer').catch(error => log?.('%p could not be disconnected - %e', peer, error))
    this.#tell(() => onExpire?.(peer))
  }

  #endProbe (watched: Watched): void {
    const { probe } = watched
    watched.probe = undefined
    probe?.end.abort()
  }

  // — all at once —

  /** Who was asked just now counts for neither side. However patient we are with others, this is not. */
  #isMassSilence (now: number): boolean {
    const silent = this.#count(({ silentSince, roundTrip, hasReturned }) => {
      return silentSince != null && now - silentSince >= suspicionAfter(roundTrip.ms, 1) && !hasReturned
    })
    return isMassSilence(silent, this.#count(isAnswering))
  }

  #preserve (now: number): void {
    if (this.#preserving != null) return
    const silent = [...this.#peers.values()].filter(({ isSuspected, hasReturned }) => isSuspected && !hasReturned)
    const began = Math.min(now, ...silent.map(({ silentSince }) => silentSince ?? now))
    const preserving: Preserving = { since: now, began, held: 0, returned: 0 }
    this.#preserving = preserving
    this.#init.log?.('%d peers fell silent at once: nobody is declared dead', silent.length)
    for (const watched of silent) this.#hold(watched, preserving)
    this.#wakeAt(now + REACH_INTERVAL)
    this.#tell(() => this.#init.onPreserve?.(true))
  }

  #hold (watched: Watched, preserving: Preserving): void {
    watched.isHeld = true
    watched.judgedAt = Infinity
    preserving.held++
  }

  /** We are back: who is still silent is judged by itself, and has the time of anybody, or as long as the silence was. */
  #return (now: number): void {
    const preserving = this.#preserving
    if (preserving == null) return
    this.#preserving = undefined
    const patience = Math.min(RETURN_PATIENCE, now - preserving.began)
    for (const watched of this.#peers.values()) {
      if (!watched.isHeld) continue
      watched.isHeld = false
      watched.hasReturned = true
      watched.wasNotReached = false
      watched.judgedAt = now + Math.max(deathAfter(watched.roundTrip.ms), patience)
      if (!watched.isConnected) continue
      this.#endProbe(watched)
      watched.nextProbe = now
    }
    this.#init.log?.('back after %d ms', now - preserving.began)
    this.#reachSome(now)
    this.#wakeAt(now)
    this.#tell(() => this.#init.onPreserve?.(false))
  }

  #mayReturn (now: number): boolean {
    const { since, held, returned } = this.#preserving as Preserving
    if (returned > 0 && returned >= RETURNED * held) return true
    return now - since >= PRESERVE_PARTLY && this.#count(isAnswering) > 0
  }

  /** A connection closed in order. When it was the last of several at once it was no order of theirs. */
  #wentAway (now: number): void {
    this.#closed = [...this.#closed.filter(at => now - at < deathAfter()), now].slice(-limits.connections)
    const isAlone = this.#count(({ isConnected }) => isConnected) === 0
    if (isAlone && this.#closed.length >= MASS_SILENCE_MIN) this.#preserve(now)
  }

  // — silent, and no connection —

  #reachSome (now: number): void {
    const { reach } = this.#init
    if (reach == null) return
    const isPreserving = this.#preserving != null
    if (isPreserving) {
      if (now < this.#nextReach) return
      this.#nextReach = now + REACH_INTERVAL
    }
    let free = (isPreserving ? 2 : limits.parallelDials) - this.#count(({ isBeingReached }) => isBeingReached)
    for (const [key, watched] of [...this.#peers]) {
      if (free <= 0) return
      if (watched.isConnected || watched.isBeingReached || (watched.wasNotReached && !mayBeReachedAgain(watched, now))) continue
      free--
      // Next time it is another's turn.
      this.#peers.delete(key)
      this.#peers.set(key, watched)
      this.#reach(watched, reach).catch(error => this.#init.log?.('reaching %p failed - %e', watched.peer, error))
    }
  }

  async #reach (watched: Watched, reach: NonNullable<LivenessInit['reach']>): Promise<void> {
    watched.isBeingReached = true
    watched.wasNotReached = false
    using deadline = this.#init.clock.deadline(REACH_TIMEOUT, this.#session?.signal)
    let isReached = false
    try {
      await reach(watched.peer, { signal: deadline.signal })
      isReached = true
    } catch (error) {
      this.#init.log?.trace('%p was not reached - %e', watched.peer, error)
    }
    watched.isBeingReached = false
    const key = watched.peer.toString()
    if (this.#peers.get(key) !== watched || watched.isConnected) return
    const now = this.#watch.awake()
    if (isReached) {
      // It answered, and hung up again.
      this.#alive(watched, now)
      this.#peers.delete(key)
    } else {
      // While we are cut off it says nothing of the peer.
      watched.wasNotReached = this.#preserving == null
      watched.reachAgainAt = now + REACH_INTERVAL
      this.#wakeAt(watched.reachAgainAt)
    }
    this.#reachSome(now)
    this.#wakeAt(now)
  }

  /** At the bound the one that waits for longest is forgotten: not as dead. */
  #makeRoom (): void {
    if (this.#count(({ isConnected }) => !isConnected) <= limits.connections) return
    for (const [key, { isConnected }] of this.#peers) {
      if (isConnected) continue
      this.#peers.delete(key)
      return
    }
  }

  // — one timer for all —

  /** Between two probes of one peer, ms. */
  #interval (): number {
    const { probesPerSecond = PROBES_PER_SECOND } = this.#init
    return Math.max(PROBE_INTERVAL, this.#peers.size / probesPerSecond * 1_000)
  }

  #tick (): void {
    const now = this.#watch.awake()
    const turn = now + this.#interval() / PROBE_TURNS
    for (const watched of [...this.#peers.values()]) {
      if (this.#session == null) return // a listener stopped us
      if (watched.judgedAt <= now) {
        if (watched.isSuspected) this.#judge(watched, now)
        else this.#suspect(watched, now)
      } else if (watched.nextProbe <= (watched.silentSince == null ? turn : now)) {
        this.#probe(watched, now)
      }
    }
    if (this.#preserving != null && this.#mayReturn(now)) this.#return(now)
    this.#reachSome(now)
    let next = this.#preserving == null ? Infinity : now + REACH_INTERVAL
    for (const { judgedAt, nextProbe, wasNotReached, reachAgainAt } of this.#peers.values()) {
      next = Math.min(next, judgedAt, nextProbe, wasNotReached && reachAgainAt > now ? reachAgainAt : Infinity)
    }
    this.#wakeAt(next)
  }

  /** `at`: ms awake. */
  #wakeAt (at: number): void {
    if (this.#session == null || at >= this.#wakesAt) return
    this.#wakesAt = at
    this.#timer?.cancel()
    // A timer may fire a part of a millisecond before its time: it must not spin until then.
    const wait = Math.max(1, Math.ceil(at - this.#watch.awake()))
    this.#timer = this.#init.clock.setTimeout(() => {
      this.#wakesAt = Infinity
      this.#tick()
    }, wait)
  }

  #count (is: (watched: Watched) => boolean): number {
    let count = 0
    for (const watched of this.#peers.values()) if (is(watched)) count++
    return count
  }

  /** A listener that throws harms nobody. */
  #tell (tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#init.log?.error('a listener of liveness failed - %e', toError(error))
    }
  }
}

/** Two that dial each other at once may both fail, and after a cut there is time for more than one dial. */
function mayBeReachedAgain ({ reachAgainAt, judgedAt }: Watched, now: number): boolean {
  return now >= reachAgainAt && judgedAt - now > REACH_INTERVAL
}

function isAnswering ({ isConnected, isExempt, silentSince }: Watched): boolean {
  return isConnected && !isExempt && silentSince == null
}

/** Others may reach us there: an address that is left when every network is gone says nothing. */
function isHome (address: Multiaddr): boolean {
  return addressScope(address) !== 'loopback'
}
