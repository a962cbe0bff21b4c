/** What we say of ourselves, and when. */
import { addressGoodbyePackets, fitsTxt, goodbyePacket, presentPackets } from './answer.ts'
import { ANNOUNCEMENTS, ANNOUNCE_INTERVAL, ANSWER_DELAY, ANSWER_INTERVAL, ANSWER_SPREAD } from './constants.ts'
import { isAskedForUs, type OwnNames } from './query.ts'
import type { Clock, Rng, Timer } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { ResponseOutgoingPacket } from 'multicast-dns'
import type { DecodedPacket } from './transport.ts'

export interface ResponderInit {
  clock: Clock
  rng: Rng
  own: OwnNames
  send: (packet: ResponseOutgoingPacket) => Promise<void>
}

/** Answers and announcements are the same packets, so one timer serves both: whichever is due first does for all. */
export class Responder {
  readonly #init: ResponderInit
  /** By text. What is announced now; nothing is said while empty. */
  #addresses: ReadonlyMap<string, Multiaddr> = new Map()
  #sentAt = -Infinity
  #announcements = 0
  #due: { at: number, timer: Timer } | undefined

  constructor (init: ResponderInit) {
    this.#init = init
  }

  /**
   * Announces these addresses, each ending in our id, in place of those before; says goodbye to the ones that went. An
   * empty list is a full goodbye. Too long ones are left out. Resolves when the goodbyes are out.
   */
  async announce (addresses: readonly Multiaddr[]): Promise<void> {
    const before = this.#addresses
    const now = new Map(addresses.filter(fitsTxt).map(address => [address.toString(), address]))
    const departed = [...before].filter(([text]) => !now.has(text)).map(([, address]) => address)
    if (departed.length === 0 && now.size === before.size) return
    this.#addresses = now
    if (now.size === 0) {
      this.close()
      await this.#send([goodbyePacket(this.#init.own)])
    } else {
      this.#announcements = ANNOUNCEMENTS
      this.#schedule(0)
      await this.#send(addressGoodbyePackets(this.#init.own, departed))
    }
  }

  /** Our own queries come back as well, and nothing tells them from those of another process here: they are answered. */
  onQuery (packet: DecodedPacket): void {
    const { rng, own } = this.#init
    if (this.#addresses.size === 0 || !isAskedForUs(packet, own)) return
    this.#schedule(ANSWER_DELAY + rng.float() * ANSWER_SPREAD)
  }

  close (): void {
    this.#due?.timer.cancel()
    this.#due = undefined
    this.#announcements = 0
  }

  /** Sends all records after `delay`, or when the interval since the last time is over (a late answer, not none). */
  #schedule (delay: number): void {
    const { clock } = this.#init
    const now = clock.now()
    const at = Math.max(now + delay, this.#sentAt + ANSWER_INTERVAL)
    if (this.#due != null && this.#due.at <= at) return
    this.#due?.timer.cancel()
    this.#due = { at, timer: clock.setTimeout(() => this.#speak(), at - now) }
  }

  #speak (): void {
    const { clock, own } = this.#init
    this.#due = undefined
    this.#sentAt = clock.now()
    void this.#send(presentPackets(own, [...this.#addresses.values()]))
    if (this.#announcements > 0 && --this.#announcements > 0) this.#schedule(ANNOUNCE_INTERVAL)
  }

  async #send (packets: ResponseOutgoingPacket[]): Promise<void> {
    await Promise.all(packets.map(packet => this.#init.send(packet)))
  }
}
