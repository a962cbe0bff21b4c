/** The port on durable storage: a folder that one process owns. */

/** One change of a batch. */
export type DiskWrite = { type: 'put', key: string, value: Uint8Array } | { type: 'del', key: string }

/** An ordered key-value log (LevelDB, IndexedDB, or the simulator's memory with crash points). */
export interface DiskLog {
  /** All or nothing. With `sync` it survives a power cut once resolved, without it a crash of the process. */
  batch: (writes: readonly DiskWrite[], options?: { sync?: boolean | undefined }) => Promise<void>
  /** Every entry, in key order. */
  entries: () => AsyncIterable<[string, Uint8Array]>
  close: () => Promise<void>
}

/** Errors of the system below keep its `code`: `ENOSPC`, `EROFS`, `EIO` and so on. */
export interface Disk {
  /**
   * @throws PeerStoreLockedError when another instance or process holds `path`
   * @throws PeerStoreCorruptError when what is there cannot be opened; it was not changed
   */
  open: (path: string) => Promise<DiskLog>
  /**
   * Moves the closed log at `path` out of the way and makes what it can of it readable again. The newest
   * `limits.damagedLogs` of those are kept.
   *
   * @returns where it is now; {@link Disk.open} takes that
   * @throws PeerStoreLockedError as {@link Disk.open} does
   */
  setAside: (path: string) => Promise<string>
  /** A small file that must survive when the log does not. Written to a temporary name, synced, renamed. */
  writeFile: (path: string, bytes: Uint8Array) => Promise<void>
  readFile: (path: string) => Promise<Uint8Array | undefined>
}
