/**
 * The `Disk` port in memory, with what real disks do at a bad moment. It holds what reached the platter and, apart,
 * what the operating system only took: that survives a crash of the process and is lost in a power cut, from some point
 * of the log on. Every step of every write is a crash point, numbered in order, so that a test can cut the power at each.
 */
import { limits, numberOption, PeerStoreLockedError, seededRng } from '@peerweave/interface'
import type { Clock, Disk, DiskLog, DiskWrite, Rng } from '@peerweave/interface'

export interface SimDiskInit {
  /** What an unsynced write becomes in a power cut, and which entry is damaged. @default seededRng(1) */
  rng?: Rng | undefined
  /** Room for keys, values and files, bytes. Settable later. @default Infinity */
  capacity?: number | undefined
  /** The crash point at which the power fails, as {@link SimDisk.crashPoints} numbers them. @default never */
  crashAt?: number | undefined
  /** A power cut may leave a part of a batch, against the contract of the port: for tests of what then happens. @default false */
  tears?: boolean | undefined
  /** Syncs take `syncTime`; without a clock they take none. */
  clock?: Clock | undefined
  /** One sync, ms. @default 5, a consumer SSD */
  syncTime?: number | undefined
  /** Told of every write that was taken. */
  onEvent?: ((kind: string, detail: string) => void) | undefined
}

/**
 * `before`: nothing is written. `taken`: the operating system has it, the platter does not. `synced`: the platter has
 * it, but nobody was told yet.
 */
export interface CrashPoint {
  readonly operation: 'batch' | 'file'
  readonly path: string
  readonly moment: 'before' | 'taken' | 'synced'
}

export type Damage = 'flip' | 'truncate' | 'lose'

export interface SimDisk extends Disk {
  /** Bytes that fit; what would not is refused whole, with `ENOSPC`. */
  capacity: number
  /** Writes fail with `EROFS`; reading goes on. */
  isReadOnly: boolean
  readonly used: number
  /** Every crash point passed so far; the number of one is its place. */
  crashPoints: () => readonly CrashPoint[]
  /** The process is gone, the machine is not: what the operating system took stays. Open logs are dead, locks are free. */
  kill: () => void
  /** Only what was synced is sure to stay, and as much of the rest as the seed says, from the front. */
  powerCut: () => void
  /** After a power cut nothing works until the power is back. */
  powerOn: () => void
  /** Another process takes the lock of `path`, until the function returned is called. */
  lock: (path: string) => () => void
  /**
   * Damages one entry of the log at `path`, or the file there: flips one bit, cuts it short, or loses it.
   *
   * @param key - @default one that the seed picks
   * @returns the key, or the path of the file; `undefined` when there is nothing to damage
   */
  damage: (path: string, damage: Damage, key?: string) => string | undefined
}

/** @throws TypeError naming a wrong option */
export function simDisk (init: SimDiskInit = {}): SimDisk {
  return new MemoryDisk(init)
}

/** An error as Node's file system has it. */
function systemError (code: 'EIO' | 'ENOSPC' | 'EROFS' | 'EBADF', message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}

/** Batches that wait in the operating system; at the bound the oldest reach the platter, as they do in time. */
const WRITE_BACK = 4_096

/** What is on the platter, and the batches on top of it that are not. */
class Log {
  readonly platter = new Map<string, Uint8Array>()
  live = new Map<string, Uint8Array>()
  readonly taken: DiskWrite[][] = []
  /** Size of `live`. */
  bytes = 0

  take (batch: DiskWrite[]): void {
    this.bytes += growthOf(this.live, batch)
    apply(this.live, batch)
    this.taken.push(batch)
    if (this.taken.length > WRITE_BACK) apply(this.platter, this.taken.shift() as DiskWrite[])
  }

  sync (): void {
    for (const batch of this.taken.splice(0)) apply(this.platter, batch)
  }

  /** The first batches stay, whole; of the next one a part when the disk tears. */
  cutPower (rng: Rng, tears: boolean): void {
    const kept = rng.int(this.taken.length + 1)
    const [...batches] = this.taken.splice(0)
    for (const batch of batches.slice(0, kept)) apply(this.platter, batch)
    const next = batches[kept]
    if (tears && next != null) apply(this.platter, next.slice(0, rng.int(next.length + 1)))
    this.live = new Map(this.platter)
    this.bytes = sizeOf(this.live)
  }
}

class MemoryDisk implements SimDisk {
  capacity: number
  isReadOnly = false
  readonly #rng: Rng
  readonly #crashAt: number
  readonly #tears: boolean
  readonly #clock: Clock | undefined
  readonly #syncTime: number
  readonly #onEvent: SimDiskInit['onEvent']
  readonly #logs = new Map<string, Log>()
  readonly #files = new Map<string, Uint8Array>()
  readonly #locks = new Map<string, object>()
  readonly #points: CrashPoint[] = []
  #hasPower = true
  /** Counts the lives of the process: what a former one opened is dead. */
  #life = 0

  constructor ({ rng = seededRng(1), capacity, crashAt, tears = false, clock, syncTime, onEvent }: SimDiskInit) {
    this.capacity = numberOption('capacity', capacity, Infinity, { max: Infinity })
    this.#rng = rng
    this.#crashAt = numberOption('crashAt', crashAt, Infinity, { max: Infinity, integer: true })
    this.#tears = tears
    this.#clock = clock
    this.#syncTime = numberOption('syncTime', syncTime, 5)
    this.#onEvent = onEvent
  }

  get used (): number {
    return [...this.#logs.values()].reduce((sum, { bytes }) => sum + bytes, sizeOf(this.#files))
  }

  async open (path: string): Promise<DiskLog> {
    this.#assertPower(this.#life)
    if (this.#locks.has(path)) throw new PeerStoreLockedError(`${path} is in use by another process or instance`)
    const lock = {}
    this.#locks.set(path, lock)
    const life = this.#life
    const log = this.#logs.get(path) ?? new Log()
    this.#logs.set(path, log)
    const assertOpen = (): void => {
      this.#assertPower(life)
      if (this.#locks.get(path) !== lock) throw systemError('EBADF', `${path} is closed`)
    }
    return {
      batch: async (writes, { sync = false } = {}) => {
        assertOpen()
        // Copies: the caller may reuse its buffers.
        const batch = writes.map(write => write.type === 'put' ? { ...write, value: write.value.slice() } : { ...write })
        this.#pass({ operation: 'batch', path, moment: 'before' })
        this.#assertRoom(growthOf(log.live, batch))
        log.take(batch)
        this.#onEvent?.('batch', `${path} ${batch.length}${sync ? ' sync' : ''}`)
        this.#pass({ operation: 'batch', path, moment: 'taken' })
        if (!sync) return
        await this.#wait()
        this.#assertPower(life)
        log.sync()
        this.#pass({ operation: 'batch', path, moment: 'synced' })
      },
      entries: async function * () {
        assertOpen()
        const found = [...log.live].sort(([a], [b]) => a < b ? -1 : 1)
        for (const [key, value] of found) {
          assertOpen()
          yield [key, value.slice()]
        }
      },
      close: async () => {
        if (this.#locks.get(path) === lock) this.#locks.delete(path)
      }
    }
  }

  async setAside (path: string): Promise<string> {
    this.#assertPower(this.#life)
    if (this.#locks.has(path)) throw new PeerStoreLockedError(`${path} is in use by another process or instance`)
    if (this.isReadOnly) throw systemError('EROFS', 'read-only file system')
    const prefix = `${path}.damaged-`
    const numbers = [...this.#logs.keys()].filter(name => name.startsWith(prefix)).map(name => Number(name.slice(prefix.length)))
    const target = `${prefix}${Math.max(0, ...numbers) + 1}`
    // A rename, so one step: there is no moment within it.
    this.#logs.set(target, this.#logs.get(path) ?? new Log())
    this.#logs.delete(path)
    for (const old of numbers.sort((a, b) => b - a).slice(limits.damagedLogs - 1)) this.#logs.delete(`${prefix}${old}`)
    this.#onEvent?.('aside', `${path} ${target}`)
    return target
  }

  async writeFile (path: string, bytes: Uint8Array): Promise<void> {
    const life = this.#life
    this.#assertPower(life)
    this.#pass({ operation: 'file', path, moment: 'before' })
    const copy = bytes.slice()
    this.#assertRoom(copy.length - (this.#files.get(path)?.length ?? 0))
    await this.#wait()
    this.#assertPower(life)
    // The new content is synced under another name. A rename is one step: who looks sees the old file or the new one.
    this.#pass({ operation: 'file', path, moment: 'taken' })
    this.#files.set(path, copy)
    this.#onEvent?.('file', `${path} ${copy.length}`)
    this.#pass({ operation: 'file', path, moment: 'synced' })
  }

  async readFile (path: string): Promise<Uint8Array | undefined> {
    this.#assertPower(this.#life)
    return this.#files.get(path)?.slice()
  }

  crashPoints (): readonly CrashPoint[] {
    return [...this.#points]
  }

  kill (): void {
    this.#life++
    this.#locks.clear()
  }

  powerCut (): void {
    this.kill()
    this.#hasPower = false
    for (const log of this.#logs.values()) log.cutPower(this.#rng, this.#tears)
  }

  powerOn (): void {
    this.#hasPower = true
  }

  lock (path: string): () => void {
    const lock = {}
    this.#locks.set(path, lock)
    return () => {
      if (this.#locks.get(path) === lock) this.#locks.delete(path)
    }
  }

  damage (path: string, damage: Damage, key?: string): string | undefined {
    const log = this.#logs.get(path)
    const stores = log == null ? [this.#files] : [log.live, log.platter]
    const keys = log == null ? [path] : [...log.live.keys()].sort()
    const chosen = key ?? keys[this.#rng.int(Math.max(1, keys.length))]
    const value = chosen == null ? undefined : stores[0]?.get(chosen)
    if (chosen == null || value == null) return undefined
    log?.sync() // damage is on the platter: nothing that waits may paint over it
    const at = this.#rng.int(Math.max(1, value.length))
    const bit = 1 << this.#rng.int(8)
    for (const store of stores) {
      if (damage === 'lose') store.delete(chosen)
      else store.set(chosen, damage === 'truncate' ? value.slice(0, at) : value.map((byte, i) => i === at ? byte ^ bit : byte))
    }
    if (log != null) log.bytes = sizeOf(log.live)
    return chosen
  }

  async #wait (): Promise<void> {
    await this.#clock?.sleep(this.#syncTime)
  }

  #pass (point: CrashPoint): void {
    this.#points.push(Object.freeze(point))
    if (this.#points.length - 1 !== this.#crashAt) return
    this.powerCut()
    this.#assertPower(this.#life)
  }

  /** @param life - the one that the caller began in */
  #assertPower (life: number): void {
    if (!this.#hasPower) throw systemError('EIO', 'the power is off')
    if (life !== this.#life) throw systemError('EIO', 'the process that opened this is gone')
  }

  #assertRoom (growth: number): void {
    if (this.isReadOnly) throw systemError('EROFS', 'read-only file system')
    if (growth > 0 && this.used + growth > this.capacity) throw systemError('ENOSPC', 'no space left on device')
  }
}

function apply (entries: Map<string, Uint8Array>, batch: readonly DiskWrite[]): void {
  for (const write of batch) {
    if (write.type === 'put') entries.set(write.key, write.value)
    else entries.delete(write.key)
  }
}

/** Bytes that a batch adds; what it deletes or replaces counts against it. */
function growthOf (entries: ReadonlyMap<string, Uint8Array>, batch: readonly DiskWrite[]): number {
  const after = new Map<string, number>()
  for (const write of batch) after.set(write.key, write.type === 'put' ? write.key.length + write.value.length : 0)
  let growth = 0
  for (const [key, size] of after) {
    const before = entries.get(key)
    growth += size - (before == null ? 0 : key.length + before.length)
  }
  return growth
}

function sizeOf (entries: ReadonlyMap<string, Uint8Array>): number {
  let bytes = 0
  for (const [key, { length }] of entries) bytes += key.length + length
  return bytes
}
