/**
 * The wires between simulated machines: latency, loss, cuts, and machines that answer, refuse or are silent. They never
 * touch each other: everything between them goes through {@link Wires.exchange} or {@link Wires.tell}.
 */
import { endpointOf, NetworkError, toError } from '@peerweave/interface'
import { streamOf } from './chance.ts'
import { sample } from './distribution.ts'
import { latencyBetween, resolveLinks, RETRANSMIT, RETRIES, type LinkOptions, type Links } from './links.ts'
import type { NodeClock, SimClock } from './sim-clock.ts'
import type { Rng } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface WiresInit {
  seed: number
  clock: SimClock
  links?: LinkOptions | undefined
  /** Told of everything that happens on the wires: what, where, and to whom. */
  onEvent?: ((kind: string, node: string, detail: string) => void) | undefined
}

/** What the wires carried so far. `sent` counts every transmission, those again included; `lost` those that chance took. */
export interface WireCounts {
  readonly sent: number
  readonly lost: number
  readonly delivered: number
}

/** How a node is there for the others. `down` refuses at once, as a machine whose program ended; `silent` says nothing. */
export type Presence = 'up' | 'down' | 'silent'

/** One life of a node as the wires see it. */
export interface Machine {
  readonly name: string
  readonly clock: NodeClock
  readonly presence: Presence
}

export class Wires<Host extends Machine> {
  readonly #seed: number
  readonly counts: { sent: number, lost: number, delivered: number } = { sent: 0, lost: 0, delivered: 0 }
  readonly #clock: SimClock
  readonly #links: Links
  readonly #onEvent: WiresInit['onEvent']
  readonly #hosts = new Map<string, Host>()
  readonly #places = new Map<string, string>()
  readonly #streams = new Map<string, Rng>()
  readonly #cut = new Set<string>()
  #groups: ReadonlyMap<string, number> | undefined
  #ids = 0

  constructor ({ seed, clock, links, onEvent }: WiresInit) {
    this.#seed = seed
    this.#clock = clock
    this.#links = resolveLinks(links)
    this.#onEvent = onEvent
  }

  /**
   * Gives addresses to a machine, for all its lives. Until it is there, who dials them hears nothing.
   *
   * @throws TypeError when one is another's
   */
  reserve (machine: string, addresses: readonly Multiaddr[]): void {
    for (const address of addresses) {
      const taken = this.#places.get(endpointOf(address)) ?? machine
      if (taken !== machine) throw new TypeError(`${address} is the address of ${taken} already`)
    }
    for (const address of addresses) this.#places.set(endpointOf(address), machine)
  }

  /** @throws TypeError when the machine's life before has not ended */
  attach (host: Host): void {
    if (this.#hosts.get(host.name)?.presence === 'up') throw new TypeError(`${host.name} is up already`)
    this.#hosts.set(host.name, host)
    this.note('join', host.name)
  }

  partition (...groups: Array<Iterable<string>>): void {
    this.#groups = new Map(groups.flatMap((group, i) => [...group].map(name => [name, i])))
    this.note('partition', '', groups.map(group => [...group].join(' ')).join(' | '))
  }

  cut (node: string): void {
    this.#cut.add(node)
    this.note('cut', node)
  }

  heal (node?: string): void {
    if (node == null) {
      this.#groups = undefined
      this.#cut.clear()
    } else {
      this.#cut.delete(node)
    }
    this.note('heal', node ?? '')
  }

  /** Whose address it is, whether it is there or not. */
  nameAt (address: Multiaddr): string | undefined {
    return this.#places.get(endpointOf(address))
  }

  /** A number that no other connection of this network has. */
  nextId (): number {
    return this.#ids++
  }

  note (kind: string, node: string, detail = ''): void {
    this.#onEvent?.(kind, node, detail)
  }

  /**
   * Asks the node `to`: `serve` runs there, and what it returns or throws comes back. Without an answer this waits for
   * ever, as whoever asks over a network does: bound it by a signal.
   *
   * @throws NetworkError when the node refuses or nothing reaches it
   */
  async exchange<T> (from: Machine, to: string, what: string, serve: (host: Host) => T | Promise<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      this.tell(from, to, what, host => {
        // Called in a then, so that what it throws travels back too.
        Promise.resolve(host).then(serve).then(
          answer => this.tell(host, from.name, `${what} answered`, () => resolve(answer)),
          error => this.tell(host, from.name, `${what} refused`, () => reject(toError(error)))
        )
      }, reject)
    })
  }

  /** One message, sent until it arrives. `lost` is told, at the sender, when that is given up. */
  tell (from: Machine, to: string, what: string, arrive: (host: Host) => void, lost: (error: Error) => void = () => {}): void {
    const latency = latencyBetween(this.#links, this.#seed, from.name, to)
    const rng = this.#streamOf(from.name)
    const send = (attempt: number): void => {
      const again = (waited: number): void => {
        if (attempt === RETRIES) {
          this.note('given up', from.name, `${to} ${what}`)
          lost(new NetworkError(`${to} does not answer`))
          return
        }
        // The sender's own clock: a machine that sleeps or is gone does not retransmit.
        from.clock.setTimeout(() => send(attempt + 1), (RETRANSMIT + 2 * latency) * 2 ** attempt - waited)
      }
      this.counts.sent++
      if (rng.float() < this.#links.loss) {
        this.counts.lost++
        again(0)
        return
      }
      const delay = latency + sample(this.#links.jitter, rng)
      this.#clock.setTimeout(() => {
        const host = this.#reaches(from.name, to) ? this.#hosts.get(to) : undefined
        if (host?.presence === 'down') {
          this.#clock.setTimeout(() => {
            if (this.#reaches(to, from.name)) from.clock.post(() => lost(new NetworkError(`${to} refused`)))
          }, latency)
        } else if (host?.presence === 'up' && host.clock.post(() => { if (host.presence === 'up') arrive(host) })) {
          this.counts.delivered++
          this.note('message', from.name, `${to} ${what}`)
        } else {
          again(delay)
        }
      }, delay)
    }
    send(0)
  }

  #reaches (from: string, to: string): boolean {
    return !this.#cut.has(from) && !this.#cut.has(to) && this.#groups?.get(from) === this.#groups?.get(to)
  }

  /** Each node's traffic has a stream of its own: what one sends does not change what another loses. */
  #streamOf (name: string): Rng {
    let rng = this.#streams.get(name)
    if (rng == null) {
      rng = streamOf(this.#seed, `wire ${name}`)
      this.#streams.set(name, rng)
    }
    return rng
  }
}
