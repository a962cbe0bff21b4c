/** The peer store on disk: memory is the working set, LevelDB the log behind it. */
import { knownOptions, show, toError, type Clock, type Disk, type KeyedHash, type PeerStore } from '@peerweave/interface'
import { openLog, type DurableLog, type DurableLogState } from './disk/durable-log.ts'
import { ledgerInit, STORE_OPTIONS, type MemoryPeerStoreOptions } from './memory.ts'
import { PeerLedger } from './peer-ledger.ts'
import { anchorsPath, decodeAnchors, encodeAnchors } from './saved/anchors.ts'
import { Boots } from './saved/boots.ts'
import { decodePeer, encodePeer } from './saved/peer-codec.ts'
import type { DamageReport } from './disk/damage-report.ts'

export interface LevelPeerStoreOptions extends MemoryPeerStoreOptions {
  /** `nodeDisk()` of `@peerweave/peer-store/node`, or `browserDisk()` of `@peerweave/peer-store/browser`. */
  disk: Disk
  /** A folder of its own; what stands beside it and begins with its name belongs to it too. */
  path: string
}

/**
 * A peer store that outlives the process. Changes reach the disk within a second, in batches; `flush` waits for them.
 *
 * `start` reads what is there, whatever state it is in: what is damaged is set aside and reported, and a disk that cannot
 * be read or written costs durability and nothing else. It is tried again until it works.
 */
export interface LevelPeerStore extends PeerStore {
  /** What was damaged or lost when the disk was read; `undefined`: nothing. */
  readonly damage: DamageReport | undefined
  /** `closed` before the start and after the stop. */
  readonly diskState: DurableLogState
  /** Why `diskState` is `degraded` or `read-only`. */
  readonly diskError: Error | undefined
  /**
   * @throws PeerStoreLockedError when another instance or process holds `path`
   * @throws PeerStoreVersionError when a newer version wrote it; nothing is changed
   */
  start: () => Promise<void>
  /** @throws the disk's error when something could not be written; the store is stopped then too */
  stop: () => Promise<void>
}

/**
 * @throws TypeError naming a wrong option
 */
export function levelPeerStore (options: LevelPeerStoreOptions): LevelPeerStore {
  knownOptions('levelPeerStore', options, [...STORE_OPTIONS, 'disk', 'path'])
  if (typeof options.path !== 'string' || options.path === '') throw new TypeError(`path must be the name of a folder, got ${show(options.path)}`)
  if (typeof options.disk?.open !== 'function') throw new TypeError(`disk must be a Disk, for instance nodeDisk(), got ${show(options.disk)}`)
  return new DurableLedger(options)
}

class DurableLedger extends PeerLedger implements LevelPeerStore {
  /** Its times on disk are those of the ledger, which a hold has moved. */
  readonly #options: { readonly disk: Disk, readonly path: string, readonly clock: Clock }
  readonly #hash: KeyedHash
  #boots: Boots
  #log: DurableLog | undefined
  #starting: Promise<void> | undefined
  #damage: DamageReport | undefined
  /** How the clocks stand goes with every write, for the wall clock may be set at any time. */
  #isStandingTouched = false
  #areAnchorsWaiting = false
  #anchorsWritten: Promise<void> = Promise.resolve()
  readonly #shiftOf = (boot: number): number => this.#boots.shiftOf(boot)
  /** What is read from the disk need not be written there. */
  #isLoading = false

  constructor (options: LevelPeerStoreOptions) {
    const init = ledgerInit(options)
    super({ ...init, journal: { touch: (id, options) => { this.#touch(id, options) }, anchorsChanged: () => { this.#writeAnchors() } } })
    this.#options = { disk: options.disk, path: options.path, clock: init.clock }
    this.#hash = init.hash
    this.#boots = new Boots(init.clock, init.hash)
  }

  get damage (): DamageReport | undefined {
    return this.#damage
  }

  get diskState (): DurableLogState {
    return this.#log?.state ?? 'closed'
  }

  get diskError (): Error | undefined {
    return this.#log?.error
  }

  override async start (): Promise<void> {
    this.#starting ??= this.#open()
    try {
      await this.#starting
    } catch (error) {
      this.#starting = undefined
      throw error
    }
  }

  override async stop (): Promise<void> {
    // Who is still starting has finished first; one that failed has nothing to stop.
    await this.#starting?.catch(() => {})
    this.#starting = undefined
    await super.stop()
    const log = this.#log
    await this.#anchorsWritten
    if (this.#log !== log) return // stopped by another call
    this.#log = undefined
    log?.touch(this.#boots.key)
    await log?.close()
  }

  async #open (): Promise<void> {
    const { log, entries, report } = await openLog({
      ...this.#options,
      read: key => this.#read(key),
      onRecovery: ({ entries, report }) => {
        this.#damage = report ?? this.#damage
        this.#load(entries)
        if (report != null) for (const id of this.ids()) this.#touch(id)
      }
    })
    this.#boots = new Boots(this.#options.clock, this.#hash)
    this.#log = log
    this.#damage = report
    const early = this.ids()
    this.#load(entries)
    await this.#readAnchors()
    for (const id of early) log.touch(id) // what came before the start is not on disk yet
    await super.start()
  }

  override hold (ms: number): void {
    super.hold(ms)
    // Or a restart would count the time that did not.
    this.#log?.touch(this.#boots.key)
  }

  override async flush (): Promise<void> {
    await this.#anchorsWritten
    this.#log?.touch(this.#boots.key)
    await this.#log?.flush()
  }

  #load (entries: ReadonlyMap<string, Uint8Array>): void {
    const log = this.#log as DurableLog
    for (const [key, bytes] of entries) this.#boots.read(key, bytes)
    const faults: Error[] = []
    this.#isLoading = true
    try {
      for (const [id, bytes] of entries) {
        if (Boots.isKey(id)) continue
        try {
          // It ran out while the store was closed, or found no room.
          if (!this.restore(decodePeer(id, bytes, this.#shiftOf))) log.del(id)
        } catch (error) {
          // Its checksum is right: its boot is not known, or a fault of ours wrote it. It stays, for one that can read it.
          faults.push(toError(error))
        }
      }
    } finally {
      this.#isLoading = false
    }
    if (faults.length > 0) this.#report(faults, entries.size)
    for (const key of this.#boots.used) log.touch(key)
    for (const key of this.#boots.unused) log.del(key)
    log.touch(this.#boots.key, { sync: true })
  }

  #report (faults: readonly Error[], of: number): void {
    const { kept = of, damaged = 0, missing = 0, reason, movedTo } = this.#damage ?? {}
    const said = `${faults.length} records cannot be read: ${faults[0]?.message}`
    this.#damage = {
      kept: kept - faults.length, damaged: damaged + faults.length, missing, reason: reason == null ? said : `${reason}; ${said}`, movedTo
    }
  }

  #touch (id: string, options?: { sync?: boolean | undefined }): void {
    if (this.#isLoading || this.#log == null) return
    this.#log.touch(id, options)
    if (this.#isStandingTouched) return
    this.#isStandingTouched = true
    this.#log.touch(this.#boots.key)
  }

  /**
   * In a file of their own, so that they are there when the log is not. Best effort: a disk that fails shows in
   * `diskState`, and the next change writes them again.
   */
  #writeAnchors (): void {
    // Without the log we do not hold the lock. A write that waits takes what changes meanwhile along.
    if (this.#log == null || this.#areAnchorsWaiting) return
    this.#areAnchorsWaiting = true
    this.#anchorsWritten = this.#anchorsWritten.then(async () => {
      this.#areAnchorsWaiting = false
      const { disk, path } = this.#options
      const anchors = this.anchorIds().flatMap(id => this.saved(id) ?? [])
      await disk.writeFile(anchorsPath(path), encodeAnchors(anchors, this.#boots))
    }).catch(() => {})
  }

  async #readAnchors (): Promise<void> {
    const { disk, path } = this.#options
    try {
      const bytes = await disk.readFile(anchorsPath(path))
      if (bytes == null) return
      const anchors = decodeAnchors(bytes, this.#boots)
      // The log knows them better, if it knows them.
      for (const anchor of anchors) if (!this.knows(anchor.id)) this.restore(anchor)
      this.restoreAnchors(anchors.map(({ id }) => id))
    } catch {
      // Without anchors the elders are dialled first.
    }
  }

  #read (key: string): Uint8Array | undefined {
    if (key === this.#boots.key) this.#isStandingTouched = false
    const boot = this.#boots.write(key)
    if (boot != null) return boot
    const saved = this.saved(key)
    return saved == null ? undefined : encodePeer(saved, this.#boots.current)
  }
}
