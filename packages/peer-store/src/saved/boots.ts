/**
 * Maps the monotonic times of earlier boots to the clock of this one. Each boot keeps how its two clocks stood when it
 * wrote last, and all its times are moved by one number: with a number for each record, a claim and the goodbye after it
 * could change places.
 */
import { ByteReader, MalformedError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { KeyedHash } from '../keyed-hash.ts'
import type { Clock } from '@peerweave/interface'

const PREFIX = 'boot/'

/** How the clocks of a boot stood when it wrote last. */
interface Standing {
  readonly now: number
  readonly wall: number
}

export class Boots {
  readonly #clock: Clock
  readonly #earlier = new Map<number, Standing>()
  readonly #used = new Set<number>()
  #current: number

  /** @param hash - gives this boot a number that no earlier one has; by chance, because these may not be readable now */
  constructor (clock: Clock, hash: KeyedHash) {
    this.#clock = clock
    this.#current = hash(`boot ${clock.wall()} ${clock.now()}`)
  }

  /** The number of this boot: 32 bits. */
  get current (): number {
    return this.#current
  }

  /** Under which this boot's {@link standing} is kept. */
  get key (): string {
    return `${PREFIX}${this.#current}`
  }

  /** Takes it when it is about a boot; false otherwise. A damaged one is dropped: see {@link shiftOf}. */
  read (key: string, bytes: Uint8Array): boolean {
    if (!key.startsWith(PREFIX)) return false
    const number = Number(key.slice(PREFIX.length))
    if (number === this.#current) this.#current = (number + 1) % 2 ** 32
    try {
      const reader = new ByteReader(bytes)
      this.#earlier.set(number, { now: reader.time(), wall: reader.time() })
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
    }
    return true
  }

  /**
   * What to add to a time of that boot.
   *
   * The wall clock tells how long it is ago. Where it says that this was in the future it has been set back, and the boot
   * ended just now: older than it is, nothing could take the place of what it claimed.
   *
   * @throws MalformedError for a boot of which nothing is known
   */
  shiftOf (boot: number): number {
    const now = this.#clock.now()
    const standing = this.#earlier.get(boot)
    if (standing == null) throw new MalformedError(`boot ${boot} is not known`)
    this.#used.add(boot)
    return now - standing.now - Math.max(0, this.#clock.wall() - standing.wall)
  }

  /** Keys of boots of which no record is left. */
  get unused (): string[] {
    return [...this.#earlier.keys()].filter(boot => !this.#used.has(boot)).map(boot => `${PREFIX}${boot}`)
  }

  /** How the clocks stand now. */
  get standing (): Uint8Array {
    const writer = new ByteWriter()
    writer.float(this.#clock.now())
    writer.float(this.#clock.wall())
    return writer.take()
  }
}
