/**
 * How often hearsay makes us dial one target. Whoever is told to be there, the machine behind the address is one: an
 * attacker who announces a victim's address under ten thousand ids gets no more out of us than under one. Whoever a dial
 * of ours once found there keeps a turn of his own, so that nobody can make us lose him in that way.
 */
import { addressScope, limits, setLatest, targetPeer, type Clock } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

interface Target {
  failures: number
  /** Not to be dialled before, by the clock's `now`. */
  notBefore: number
}

export class DialTargets {
  readonly #clock: Clock
  /** BOUNDED by `limits.dialTargets`, the latest at the end. */
  readonly #targets = new Map<string, Target>()
  /** Machine and peer of dials that reached whom they were said to. BOUNDED as above. */
  readonly #proven = new Set<string>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Those of the addresses that may be dialled now. */
  free (addresses: readonly Multiaddr[]): Multiaddr[] {
    const now = this.#clock.now()
    return addresses.filter(address => !this.#isPaused(this.#keyOf(address), now))
  }

  /**
   * Takes the turn of an address right before it is dialled, and not sooner: who lists the addresses of others behind
   * his own would take the turns of all of them with every dial that ends at the first.
   *
   * @param held - turns that this dial has taken: another port of the same machine needs no further one
   * @returns whether it may be dialled
   */
  take (address: Multiaddr, held: Set<string>): boolean {
    const now = this.#clock.now()
    const key = this.#keyOf(address)
    if (held.has(key)) return true
    if (this.#isPaused(key, now)) return false
    held.add(key)
    this.#set(key, { failures: this.#targets.get(key)?.failures ?? 0, notBefore: now + limits.dialTargetPause })
    return true
  }

  /** ms until the first of them may be dialled. */
  wait (addresses: readonly Multiaddr[]): number {
    const now = this.#clock.now()
    return Math.min(...addresses.map(address => Math.max(0, (this.#targets.get(this.#keyOf(address))?.notBefore ?? now) - now)))
  }

  /**
   * There is a connection with the machine. Of a dial of ours it also says who is there: what others are said to be at
   * the same address, and are not, keeps us from that one no more.
   */
  reached (address: Multiaddr, peer?: PeerId): void {
    const machine = machineOf(address)
    this.#targets.delete(machine)
    if (peer == null) return
    const key = `${machine} ${peer}`
    this.#targets.delete(key)
    this.#proven.delete(key)
    this.#proven.add(key)
    const [oldest] = this.#proven
    if (oldest != null && this.#proven.size > limits.dialTargets) this.#proven.delete(oldest)
  }

  /** It did not lead to whom it was said to. On a site of one's own that is a host that was switched off, and comes back. */
  failed (address: Multiaddr): void {
    const now = this.#clock.now()
    const key = this.#keyOf(address)
    const failures = (this.#targets.get(key)?.failures ?? 0) + 1
    const isLeftAlone = failures >= limits.dialTargetFailures && addressScope(address) === 'public'
    this.#set(key, { failures, notBefore: now + (isLeftAlone ? limits.dialTargetQuarantine : limits.dialTargetPause) })
  }

  #isPaused (key: string, now: number): boolean {
    return (this.#targets.get(key)?.notBefore ?? now) > now
  }

  /** The machine; for who is known to be there his own place on it. */
  #keyOf (address: Multiaddr): string {
    const machine = machineOf(address)
    const own = `${machine} ${targetPeer(address)}`
    return this.#proven.has(own) ? own : machine
  }

  #set (key: string, target: Target): void {
    setLatest(this.#targets, key, target, limits.dialTargets)
  }
}

/** The machine, where it is on the internet; elsewhere many share one, so the port too. */
function machineOf (address: Multiaddr): string {
  const [host, port] = address.getComponents().filter(({ name }) => name !== 'ip6zone')
  const machine = `${host?.value}`
  return addressScope(address) === 'public' ? machine : `${machine} ${port?.name} ${port?.value}`
}
