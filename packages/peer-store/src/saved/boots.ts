/**
 * Maps the monotonic times of earlier boots to the clock of this one. Each boot keeps how its two clocks stood when it
 * wrote last, and all its times are moved by one number: with a number for each record, a claim and the goodbye after it
 * could change places.
 *
 * Between two boots the wall clock tells how much time has passed, within one it tells nothing: there it may be stepped,
 * or go on while the machine sleeps. So each start writes down how earlier boots map to it, and the next one maps them by
 * way of this one.
 */
import { ByteReader, MalformedError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Clock, KeyedHash } from '@peerweave/interface'

const PREFIX = 'boot/'

/** Starts that were killed before they wrote anything make a chain; a longer one is damage. Chosen. */
const MAX_CHAIN = 100

const STANDING = 0
const VIA = 1

/** How the clocks of a boot stood when it wrote last, or what to add to its times to have those of a later boot. */
type Known = { readonly now: number, readonly wall: number } | { readonly via: number, readonly shift: number }

export class Boots {
  readonly #clock: Clock
  readonly #earlier = new Map<number, Known>()
  readonly #shifts = new Map<number, number>()
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

  /** Under which the {@link standing} of this boot is kept. */
  get key (): string {
    return `${PREFIX}${this.#current}`
  }

  static isKey (key: string): boolean {
    return key.startsWith(PREFIX)
  }

  /** Takes it when it is about a boot. A damaged one is dropped: see {@link shiftOf}. */
  read (key: string, bytes: Uint8Array): void {
    const boot = bootIn(key)
    if (boot == null) return
    if (boot === this.#current) this.#current = (boot + 1) % 2 ** 32
    try {
      this.#earlier.set(boot, decode(bytes))
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
    }
  }

  /**
   * What to add to a time of that boot. Where the wall clock says that the boot is in the future it has been set back, and
   * the boot ended just now: else nothing could take the place of what it claimed.
   *
   * @throws MalformedError for a boot of which nothing is known
   */
  shiftOf (boot: number): number {
    let shift = this.#shifts.get(boot)
    if (shift == null) {
      shift = this.#shift(boot, MAX_CHAIN)
      this.#shifts.set(boot, shift)
    }
    return shift
  }

  /** As {@link shiftOf}, for a boot whose {@link standing} was kept elsewhere. */
  shiftFrom (standing: Uint8Array): number {
    return this.#resolve(decode(standing), 0)
  }

  #shift (boot: number, depth: number): number {
    const known = this.#earlier.get(boot)
    if (known == null) throw new MalformedError(`boot ${boot} is not known`)
    return this.#resolve(known, depth)
  }

  #resolve (known: Known, depth: number): number {
    if ('now' in known) return this.#clock.now() - known.now - Math.max(0, this.#clock.wall() - known.wall)
    if (depth === 0) throw new MalformedError('too many boots, one by way of the other')
    return known.shift + this.#shift(known.via, depth - 1)
  }

  /** Keys of boots that records speak of: what {@link write} gives for them has changed. */
  get used (): string[] {
    return [...this.#shifts.keys()].map(boot => `${PREFIX}${boot}`)
  }

  /** Keys of boots of which no record is left. */
  get unused (): string[] {
    return [...this.#earlier.keys()].filter(boot => !this.#shifts.has(boot)).map(boot => `${PREFIX}${boot}`)
  }

  /** How the clocks stand now. */
  get standing (): Uint8Array {
    return encode({ now: this.#clock.now(), wall: this.#clock.wall() })
  }

  /** What is kept under this key; `undefined`: it is not about a boot that is of use. */
  write (key: string): Uint8Array | undefined {
    const boot = bootIn(key)
    if (boot === this.#current) return this.standing
    const shift = boot == null ? undefined : this.#shifts.get(boot)
    return shift == null ? undefined : encode({ via: this.#current, shift })
  }
}

function bootIn (key: string): number | undefined {
  if (!key.startsWith(PREFIX)) return undefined
  const boot = Number(key.slice(PREFIX.length))
  return Number.isSafeInteger(boot) ? boot : undefined
}

function encode (known: Known): Uint8Array {
  const writer = new ByteWriter()
  if ('now' in known) {
    writer.byte(STANDING)
    writer.float(known.now)
    writer.float(known.wall)
  } else {
    writer.byte(VIA)
    writer.varint(known.via)
    writer.float(known.shift)
  }
  return writer.take()
}

function decode (bytes: Uint8Array): Known {
  const reader = new ByteReader(bytes)
  return reader.byte() === VIA ? { via: reader.varint(), shift: reader.time() } : { now: reader.time(), wall: reader.time() }
}
