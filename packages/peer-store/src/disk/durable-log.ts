/**
 * Records on disk for a working set in memory: it takes changes at once, writes them in batches, and outlives whatever
 * the disk does. It reads the disk once, at the start; after that the caller's memory is what there is to read.
 */
import { knownOptions, nextTurn, NotStartedError, numberOption, toError } from '@peerweave/interface'
import { CHECKPOINT_KEY, encodeCheckpoint } from './checkpoint.ts'
import { isReadOnlyError } from './error-code.ts'
import { checksumIn, encodeFrame } from './frame.ts'
import { headPath, isRefusal, loadLog, sumOf, type LoadedLog } from './load-log.ts'
import type { DamageReport } from './damage-report.ts'
import type { Clock, Disk, DiskLog, DiskWrite, Timer } from '@peerweave/interface'

/** A change waits for others at most this long. From the design: batched writes, ≤ 1 s. */
export const WRITE_DELAY = 1_000

/** What was written without sync is synced at most this much later: a power cut costs no more (security research X15). */
export const SYNC_DELAY = 5_000

/** First wait after the disk failed, doubled each time up to the last one (security research X13). */
export const RETRY_FIRST = 1_000
export const RETRY_LAST = 60_000

/** Changes in one batch, which is all or nothing. Each synced batch costs a sync, so few would be slow. Chosen. */
export const BATCH_CHANGES = 1_024

/** Changes encoded in one turn of the event loop: about a millisecond. Chosen. */
const TURN_CHANGES = 256

/** Deletions remembered while nobody could read what is on disk; further ones are forgotten. Chosen. */
const BLIND_DELETIONS = 65_536

/**
 * `open`: changes reach the disk. `degraded`: it fails, and is tried again; changes wait in memory. `read-only`: the
 * same, because it may not be written.
 */
export type DurableLogState = 'open' | 'degraded' | 'read-only' | 'closed'

/** What came back when a disk that had failed could be read (again). */
export interface Recovery {
  /** Records on disk that the log had not known, and that were not changed since: the disk failed at the start. */
  readonly entries: ReadonlyMap<string, Uint8Array>
  /** What was lost while the disk failed. Memory has it still: put everything again. */
  readonly report: DamageReport | undefined
}

export interface DurableLogInit {
  disk: Disk
  /** A folder of its own. `<path>.head`, `.rebuild`, `.lock` and `.damaged-<n>` beside it belong to it too. */
  path: string
  clock: Clock
  /** Format of the values, 1 to 255. An older one on disk is migrated, a newer one refused. @default 1 */
  version?: number | undefined
  /**
   * A record of an older format in the present one; `undefined` drops it. May meet a record again after a crash, in the
   * form that it had. @default every value stays as it is
   */
  migrate?: ((key: string, value: Uint8Array, from: number) => readonly [key: string, value: Uint8Array] | undefined) | undefined
  /**
   * The present value of a key that was touched; `undefined` deletes it. Asked when it is written, so a value that
   * changes often is encoded once a write. It is copied before the next one is asked for.
   */
  read?: ((key: string) => Uint8Array | undefined) | undefined
  /** Told when the disk works again and had something to tell. */
  onRecovery?: ((recovery: Recovery) => void) | undefined
  /** Told of every change of the state, with the error that led to it. */
  onState?: ((state: DurableLogState, error: Error | undefined) => void) | undefined
}

export interface DurableLog {
  readonly state: DurableLogState
  /** Why the state is not `open`. */
  readonly error: Error | undefined
  /** Changes that are not on disk. One for each key: the last one counts. */
  readonly pending: number
  /**
   * Written within {@link WRITE_DELAY}, in batches of at most {@link BATCH_CHANGES}, each there whole or not at all.
   *
   * @param options.sync - the batch survives a power cut once written, and not only within {@link SYNC_DELAY}
   * @throws TypeError when the key begins with `meta/`
   */
  put: (key: string, value: Uint8Array, options?: { sync?: boolean | undefined }) => void
  del: (key: string, options?: { sync?: boolean | undefined }) => void
  /** As {@link put}, with the value that `read` gives when it is written. */
  touch: (key: string, options?: { sync?: boolean | undefined }) => void
  /**
   * Resolves when everything so far is on disk and survives a power cut. When the disk fails it rejects, with the
   * disk's error; the changes go on waiting.
   */
  flush: () => Promise<void>
  /** Flushes and lets go of the folder, which it does also when flushing rejects. May be called again. */
  close: () => Promise<void>
}

export interface OpenedLog {
  readonly log: DurableLog
  /** What was on disk. The log keeps nothing of it. */
  readonly entries: ReadonlyMap<string, Uint8Array>
  /** What was damaged or lost; `undefined` when nothing was. */
  readonly report: DamageReport | undefined
}

/**
 * Opens a log whatever state disk and log are in: a damaged one is repaired, and where the disk fails the log is
 * `degraded` or `read-only`.
 *
 * @throws PeerStoreLockedError when another instance or process holds it
 * @throws PeerStoreVersionError when a newer version wrote it; nothing is changed
 * @throws TypeError naming a wrong option
 */
export async function openLog (init: DurableLogInit): Promise<OpenedLog> {
  knownOptions('openLog', init, ['disk', 'path', 'clock', 'version', 'migrate', 'read', 'onRecovery', 'onState'])
  const log = new BatchedLog(init)
  return { log, ...await log.open() }
}

/** Stands for the value that a touched key has when it is written. */
const TOUCHED = Symbol('touched')

/** A frame to put, `undefined` to delete. */
type Pending = Uint8Array | undefined | typeof TOUCHED

interface Batch {
  /** The changes in it, to wait again if it fails. */
  readonly taken: Array<[string, Pending]>
  readonly writes: DiskWrite[]
  /** How things stand when it is written. */
  readonly checkpoint: Uint8Array
}

class BatchedLog implements DurableLog {
  readonly #disk: Disk
  readonly #path: string
  readonly #clock: Clock
  readonly #version: number
  readonly #migrate: DurableLogInit['migrate']
  readonly #read: DurableLogInit['read']
  readonly #onRecovery: DurableLogInit['onRecovery']
  readonly #onState: DurableLogInit['onState']
  #log: DiskLog | undefined
  /** Whether what is on disk was ever read. */
  #wasRead = false
  /** Checksum of each record on disk. BOUNDED by the caller's keys. */
  #sums = new Map<string, number>()
  #sum = 0
  #generation = 0
  /** BOUNDED by the caller's keys and those on disk: one change a key. */
  readonly #dirty = new Map<string, Pending>()
  #tidyAt = BLIND_DELETIONS
  /** What `read` threw last. */
  #fault: Error | undefined
  /** Keys of what is being written now. */
  readonly #underWay = new Set<string>()
  /** A change that waits asked for sync. */
  #isUrgent = false
  /** Something was written and not synced, or the checkpoint must be written anew. */
  #isUnsynced = false
  /** The disk's log is empty, and what was in it waits to be written. */
  #isRebuilding = false
  #writeTimer: Timer | undefined
  #syncTimer: Timer | undefined
  #retryTimer: Timer | undefined
  #retryDelay = RETRY_FIRST
  #state: DurableLogState = 'open'
  #error: Error | undefined
  /** Disk work goes one after the other. */
  #last: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor ({ disk, path, clock, version, migrate, read, onRecovery, onState }: DurableLogInit) {
    this.#disk = disk
    this.#path = path
    this.#clock = clock
    this.#version = numberOption('version', version, 1, { min: 1, max: 255, integer: true })
    this.#migrate = migrate
    this.#read = read
    this.#onRecovery = onRecovery
    this.#onState = onState
  }

  get state (): DurableLogState {
    return this.#state
  }

  get error (): Error | undefined {
    return this.#error
  }

  get pending (): number {
    return this.#dirty.size + [...this.#underWay].filter(key => !this.#dirty.has(key)).length
  }

  async open (): Promise<{ entries: ReadonlyMap<string, Uint8Array>, report: DamageReport | undefined }> {
    let found: { entries: ReadonlyMap<string, Uint8Array>, report: DamageReport | undefined }
    try {
      found = await this.#attach()
    } catch (error) {
      if (isRefusal(error)) throw error
      await this.#fail(toError(error))
      return { entries: new Map(), report: undefined }
    }
    // What was repaired or migrated is written now. If that fails it waits, as every change does.
    if (this.#log != null && (this.#dirty.size > 0 || this.#isUnsynced)) {
      await this.#enqueue(async () => { await this.#write(true) }).catch(() => {})
    }
    return found
  }

  put (key: string, value: Uint8Array, { sync = false }: { sync?: boolean | undefined } = {}): void {
    this.#change(key, encodeFrame(key, value, this.#version), sync)
  }

  del (key: string, { sync = false }: { sync?: boolean | undefined } = {}): void {
    this.#change(key, undefined, sync)
  }

  touch (key: string, { sync = false }: { sync?: boolean | undefined } = {}): void {
    this.#change(key, TOUCHED, sync)
  }

  async flush (): Promise<void> {
    this.#assertOpen()
    await this.#enqueue(async () => { await this.#write(true) })
    const fault = this.#fault
    this.#fault = undefined
    if (fault != null) throw fault
  }

  async close (): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    try {
      await this.#enqueue(async () => { await this.#write(true) })
    } finally {
      await this.#enqueue(async () => {
        for (const timer of [this.#writeTimer, this.#syncTimer, this.#retryTimer]) timer?.cancel()
        const log = this.#log
        this.#log = undefined
        this.#enter('closed', undefined)
        await log?.close()
      })
    }
  }

  #assertOpen (): void {
    if (this.#closing != null) throw new NotStartedError(`${this.#path} is closed`)
  }

  #change (key: string, frame: Pending, sync: boolean): void {
    this.#assertOpen()
    if (key.startsWith('meta/')) throw new TypeError(`key must not begin with meta/, got ${key}`)
    if (frame == null && !this.#mayBeOnDisk(key)) this.#dirty.delete(key)
    else this.#dirty.set(key, frame)
    this.#isUrgent ||= sync
    if (this.#state !== 'open') {
      this.#tidyDirty()
      return // the retry takes it along
    }
    this.#writeTimer ??= this.#clock.setTimeout(() => {
      this.#writeTimer = undefined
      this.#try(false)
    }, WRITE_DELAY)
  }

  /** While the disk fails, keys of what came and went would pile up. */
  #tidyDirty (): void {
    if (this.#dirty.size < this.#tidyAt) return
    for (const [key, pending] of this.#dirty) {
      if (pending === TOUCHED && !this.#mayBeOnDisk(key) && this.#read?.(key) == null) this.#dirty.delete(key)
    }
    this.#tidyAt = 2 * this.#dirty.size + BLIND_DELETIONS
  }

  #mayBeOnDisk (key: string): boolean {
    return this.#wasRead ? this.#sums.has(key) || this.#underWay.has(key) : this.#dirty.size < BLIND_DELETIONS
  }

  /** In the background: what fails shows in the state. */
  #try (sync: boolean): void {
    this.#enqueue(async () => { await this.#write(sync) }).catch(() => {})
  }

  async #enqueue (work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    await done
  }

  async #write (sync: boolean): Promise<void> {
    if (this.#state === 'closed') return
    try {
      if (this.#log == null) await this.#reattach()
      const isSynced = sync || this.#isUrgent
      this.#isUrgent = false
      if (this.#dirty.size > 0 || (isSynced && this.#isUnsynced)) await this.#writeWaiting(isSynced)
    } catch (error) {
      await this.#fail(toError(error))
      throw error
    }
    this.#retryTimer?.cancel()
    this.#retryTimer = undefined
    this.#retryDelay = RETRY_FIRST
    this.#enter('open', undefined)
    if (!this.#isUnsynced) return
    this.#syncTimer ??= this.#clock.setTimeout(() => {
      this.#syncTimer = undefined
      this.#try(true)
    }, SYNC_DELAY)
  }

  /**
   * As many changes as wait now: what comes meanwhile waits for its own time. While the disk takes one batch the next
   * one is made.
   *
   * @param sync - every batch, because LevelDB may begin another file between two
   */
  async #writeWaiting (sync: boolean): Promise<void> {
    let left = this.#dirty.size
    const take = async (): Promise<Batch> => {
      // A log that is rebuilt is there at once or not at all.
      const count = this.#isRebuilding ? left : Math.min(left, BATCH_CHANGES)
      left -= count
      return await this.#nextBatch(count)
    }
    let batch = await take()
    for (;;) {
      const written = (this.#log as DiskLog).batch(batch.writes, { sync })
      written.catch(() => {}) // waited for below
      const next = left > 0 && !this.#isRebuilding ? await take() : undefined
      try {
        await written
      } catch (error) {
        // The log is read again before the next write, so what was counted ahead does no harm.
        for (const [key, pending] of [...batch.taken, ...next?.taken ?? []]) if (!this.#dirty.has(key)) this.#dirty.set(key, pending)
        this.#isUrgent ||= sync
        this.#underWay.clear()
        throw error
      }
      for (const [key] of batch.taken) this.#underWay.delete(key)
      this.#isRebuilding = false
      this.#isUnsynced = true
      if (next == null) break
      batch = next
    }
    if (sync) this.#isUnsynced = !await this.#writeHead(batch.checkpoint)
  }

  async #nextBatch (size: number): Promise<Batch> {
    const taken: Batch['taken'] = []
    const writes: DiskWrite[] = []
    for (const [key, pending] of this.#dirty) {
      if (taken.length === size) break
      if (taken.length % TURN_CHANGES === TURN_CHANGES - 1) await nextTurn()
      taken.push([key, pending])
      this.#dirty.delete(key)
      const frame = pending === TOUCHED ? this.#present(key) : pending
      if (frame === TOUCHED) continue
      const before = this.#sums.get(key)
      if (before != null) this.#sum -= before
      if (frame != null) {
        const checksum = checksumIn(frame)
        this.#sum += checksum
        this.#sums.set(key, checksum)
        writes.push({ type: 'put', key, value: frame })
      } else if (before != null || !this.#wasRead) {
        this.#sums.delete(key)
        writes.push({ type: 'del', key })
      }
      this.#underWay.add(key)
    }
    // A sum of 2²¹ checksums is still exact, and so is its remainder, which the sign of must be mended.
    this.#sum = ((this.#sum % 2 ** 32) + 2 ** 32) % 2 ** 32
    this.#generation++
    const checkpoint = encodeCheckpoint({ generation: this.#generation, count: this.#sums.size, sum: this.#sum }, this.#version)
    writes.push({ type: 'put', key: CHECKPOINT_KEY, value: checkpoint })
    return { taken, writes, checkpoint }
  }

  /** One that cannot be said holds up no other; what is on disk of it stays. */
  #present (key: string): Uint8Array | undefined | typeof TOUCHED {
    try {
      const value = this.#read?.(key)
      return value == null ? undefined : encodeFrame(key, value, this.#version)
    } catch (error) {
      this.#fault = toError(error)
      return TOUCHED
    }
  }

  /** Not ahead of what is synced: a power cut is no damage. A failure loses nothing, so it is only tried again. */
  async #writeHead (checkpoint: Uint8Array): Promise<boolean> {
    return await this.#disk.writeFile(headPath(this.#path), checkpoint).then(() => true, () => false)
  }

  /** Opens the disk's log and takes over what it says. What waits to be written stands above it. */
  async #attach (): Promise<{ entries: Map<string, Uint8Array>, report: DamageReport | undefined }> {
    const loaded = await loadLog(this.#disk, this.#path, this.#version, this.#isRebuilding)
    const { log, records, generation, report, error } = loaded
    const isEmpty = report?.movedTo != null
    this.#sums = new Map()
    if (!isEmpty) for (const [key, { checksum }] of records) this.#sums.set(key, checksum)
    this.#sum = isEmpty ? 0 : sumOf(records.values())
    this.#generation = Math.max(this.#generation, generation)
    this.#isUnsynced = report != null // the checkpoint says what is no longer so
    this.#log = log
    this.#wasRead = true
    this.#isRebuilding ||= isEmpty
    const entries = this.#take(loaded, isEmpty)
    if (error != null) await this.#fail(error)
    return { entries, report }
  }

  /** Records in the present format. Those that are not on disk so are to be written. */
  #take ({ records }: LoadedLog, isEmpty: boolean): Map<string, Uint8Array> {
    const entries = new Map<string, Uint8Array>()
    for (const [oldKey, { value: oldValue, version }] of records) {
      if (this.#dirty.has(oldKey)) continue
      const isOld = version < this.#version
      if (!isOld && !isEmpty) {
        entries.set(oldKey, oldValue)
        continue
      }
      const present = isOld && this.#migrate != null ? this.#migrate(oldKey, oldValue, version) : [oldKey, oldValue] as const
      if (present?.[0] !== oldKey && !isEmpty) this.#dirty.set(oldKey, undefined)
      if (present == null) continue
      const [key, value] = present
      entries.set(key, value)
      if (isOld || isEmpty) this.#dirty.set(key, encodeFrame(key, value, this.#version))
    }
    return entries
  }

  async #reattach (): Promise<void> {
    const known = this.#sums
    const pending = new Set(this.#dirty.keys())
    const wasRebuilding = this.#isRebuilding
    const found = await this.#attach()
    const { entries } = found
    // That an emptied log holds nothing was told before, and what it held waits.
    const report = wasRebuilding && entries.size === 0 ? undefined : found.report
    for (const key of [...entries.keys()]) if (known.has(key) || pending.has(key)) entries.delete(key)
    if (entries.size > 0 || report != null) this.#onRecovery?.({ entries, report })
    if (this.#log == null) throw this.#error ?? new Error(`${this.#path} cannot be opened`)
  }

  /** LevelDB takes no more writes after one failed, whatever the disk does then (security research F9): it is opened anew. */
  async #fail (cause: Error): Promise<void> {
    const log = this.#log
    this.#log = undefined
    this.#writeTimer?.cancel()
    this.#writeTimer = undefined
    this.#enter(isReadOnlyError(cause) ? 'read-only' : 'degraded', cause)
    await close(log)
    this.#retryTimer ??= this.#clock.setTimeout(() => {
      this.#retryTimer = undefined
      this.#retryDelay = Math.min(RETRY_LAST, this.#retryDelay * 2)
      this.#try(true)
    }, this.#retryDelay)
  }

  #enter (state: DurableLogState, error: Error | undefined): void {
    const isNew = state !== this.#state
    this.#state = state
    this.#error = error
    if (isNew) this.#onState?.(state, error)
  }
}

/** Of a log that failed nothing more is to be had than its lock. */
async function close (log: DiskLog | undefined): Promise<void> {
  try {
    await log?.close()
  } catch {}
}
