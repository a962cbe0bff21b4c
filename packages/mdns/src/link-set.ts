/** Keeps a session open on each link, as links come, change and go. */
import { isDeepStrictEqual } from 'node:util'
import { limits, MdnsError, show, toError, type Clock, type DropCounter } from '@peerweave/interface'
import { INTERFACE_INTERVAL, LINK_RETRY_MAX } from './constants.ts'
import { selectLinks, type Link, type LinkRules } from './links.ts'
import type { MdnsNetwork } from './network.ts'

export interface LinkSetInit<S> {
  network: MdnsNetwork
  rules: LinkRules
  clock: Clock
  /** Counts `too-many-interfaces`, once for each link that is left out for as long as it is. */
  drop: DropCounter
  open: (link: Link) => Promise<S>
  close: (session: S) => Promise<void>
  /**
   * A link could not be opened: told once until it works, changes or goes, and then what was returned is called. So for a
   * machine that does not say what interfaces it has, and for a session that could not be closed.
   */
  onError: (error: Error) => () => void
  /** A link was added or went; not while all are closed. */
  onChange: () => void
}

/** One link's place. Whoever works on it goes on until what is open is what is wanted, so no two do at once. */
interface Slot<S> {
  wanted: Link | undefined
  open: { link: Link, session: S } | undefined
  /** Of opening it, in a row. */
  failures: number
  /** Looks to let pass before it is tried again. */
  wait: number
  /** The first of these failures. */
  error: Error | undefined
  /** To be called when it is over. */
  recover: (() => void) | undefined
  work: Promise<void> | undefined
}

export class LinkSet<S> {
  readonly #init: LinkSetInit<S>
  readonly #sessions = new Map<string, S>()
  /** BOUNDED by `limits.mdnsInterfaces`, and those that are being closed. */
  readonly #slots = new Map<string, Slot<S>>()
  #leftOut: readonly string[] = []
  /** While it starts, failures are collected: they may be what it fails with. */
  #isStarting = true
  #recoverSight: (() => void) | undefined
  #isClosed = false

  constructor (init: LinkSetInit<S>) {
    this.#init = init
  }

  /** The open ones, by the key of their link. */
  get sessions (): ReadonlyMap<string, S> {
    return this.#sessions
  }

  /**
   * Opens what there is.
   *
   * @throws MdnsError when no link fits the rules, or none of them could be opened; it is closed then
   */
  async start (): Promise<void> {
    let cause: unknown
    try {
      this.#look()
    } catch (error) {
      cause = error
    }
    await this.#settled()
    if (this.#isClosed) return
    const errors = [...this.#slots.values()].flatMap(({ error }) => error ?? [])
    if (this.#sessions.size === 0) {
      cause ??= errors[0]
      await this.close()
      const reason = cause === undefined ? `no interface fits${wish(this.#init.rules)}` : toError(cause).message
      throw new MdnsError(`${cause instanceof MdnsError ? '' : 'mdns: '}${reason}; this machine has ${this.#describe()}`, { cause })
    }
    this.#isStarting = false
    for (const slot of this.#slots.values()) {
      if (slot.error != null) slot.recover = this.#init.onError(slot.error)
    }
  }

  /** Keeps up with the machine until aborted. @throws AbortError then */
  async run (signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#init.clock.sleep(INTERFACE_INTERVAL, { signal })
      try {
        this.#look()
        this.#recoverSight?.()
        this.#recoverSight = undefined
      } catch (error) {
        this.#recoverSight ??= this.#init.onError(toError(error))
      }
    }
  }

  /** Closes all, also what is being opened. Nothing opens afterwards. */
  async close (): Promise<void> {
    this.#isClosed = true
    for (const [key, slot] of this.#slots) {
      slot.wanted = undefined
      this.#settle(key, slot)
    }
    await this.#settled()
  }

  /** Looks at the interfaces and begins what there is to do. What a link is slow with is its own: nobody waits. */
  #look (): void {
    if (this.#isClosed) return
    const { network, rules, drop } = this.#init
    const links = new Map(selectLinks(network.interfaces(), rules).map(link => [link.key, link]))
    const leftOut = [...links.keys()].slice(limits.mdnsInterfaces)
    for (const key of leftOut) {
      links.delete(key)
      if (!this.#leftOut.includes(key)) drop('too-many-interfaces')
    }
    this.#leftOut = leftOut
    for (const key of links.keys()) {
      if (!this.#slots.has(key)) {
        this.#slots.set(key, { wanted: undefined, open: undefined, failures: 0, wait: 0, error: undefined, recover: undefined, work: undefined })
      }
    }
    for (const [key, slot] of this.#slots) {
      const link = links.get(key)
      if (!isDeepStrictEqual(link, slot.wanted)) {
        slot.wanted = link
        forgetFailures(slot)
      }
      if (slot.wait > 0) slot.wait--
      this.#settle(key, slot)
    }
  }

  #settle (key: string, slot: Slot<S>): void {
    slot.work ??= this.#work(key, slot)
  }

  async #settled (): Promise<void> {
    await Promise.all([...this.#slots.values()].flatMap(({ work }) => work ?? []))
  }

  /** Never rejects. */
  async #work (key: string, slot: Slot<S>): Promise<void> {
    // Afterwards `work` is there to be cleared.
    await Promise.resolve()
    while (!isDeepStrictEqual(slot.open?.link, slot.wanted) && slot.wait === 0) {
      if (slot.open != null) await this.#shut(key, slot, slot.open.session)
      else if (slot.wanted != null) await this.#open(key, slot, slot.wanted)
    }
    slot.work = undefined
    if (slot.wanted == null) this.#slots.delete(key)
  }

  async #open (key: string, slot: Slot<S>, link: Link): Promise<void> {
    try {
      const session = await this.#init.open(link)
      if (!isDeepStrictEqual(link, slot.wanted)) {
        await this.#close(session)
        return
      }
      slot.open = { link, session }
      this.#sessions.set(key, session)
      forgetFailures(slot)
      this.#init.onChange()
    } catch (error) {
      if (!isDeepStrictEqual(link, slot.wanted)) return
      slot.wait = Math.min(2 ** slot.failures++, LINK_RETRY_MAX / INTERFACE_INTERVAL)
      if (slot.error != null) return
      slot.error = toError(error)
      if (!this.#isStarting) slot.recover = this.#init.onError(slot.error)
    }
  }

  async #shut (key: string, slot: Slot<S>, session: S): Promise<void> {
    slot.open = undefined
    this.#sessions.delete(key)
    if (!this.#isClosed) this.#init.onChange()
    await this.#close(session)
  }

  async #close (session: S): Promise<void> {
    try {
      await this.#init.close(session)
    } catch (error) {
      this.#init.onError(toError(error))()
    }
  }

  #describe (): string {
    try {
      const interfaces = Object.entries(this.#init.network.interfaces())
      return interfaces.flatMap(([name, own = []]) => own.map(({ address }) => `${address} (${name})`)).join(', ') || 'none'
    } catch {
      return 'interfaces that it does not tell of'
    }
  }
}

function forgetFailures (slot: Slot<unknown>): void {
  slot.failures = 0
  slot.wait = 0
  slot.error = undefined
  slot.recover?.()
  slot.recover = undefined
}

/** What was asked for, where anything was. */
function wish ({ allow, deny, families }: LinkRules): string {
  const parts = [
    ...allow == null ? [] : [`interfaces ${show(allow.join(', '))}`],
    ...deny.length === 0 ? [] : [`without ${show(deny.join(', '))}`],
    ...families.length > 1 ? [] : [`over ${families.join()} alone`]
  ]
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}
