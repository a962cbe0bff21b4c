/** Opens a log whatever state it is in: reads all, verifies each record, and sets a damaged log aside to build it anew. */
import { PeerStoreCorruptError, PeerStoreLockedError, PeerStoreVersionError, toError } from '@peerweave/interface'
import { CHECKPOINT_KEY, decodeCheckpoint, EMPTY_CHECKPOINT, type Checkpoint } from './checkpoint.ts'
import { decodeFrame, type Frame } from './frame.ts'
import { asideBefore, readRebuildMark, writeRebuildMark } from './rebuild-mark.ts'
import type { DamageReport } from './damage-report.ts'
import type { Disk, DiskLog } from '@peerweave/interface'

export interface LoadedLog {
  /** `undefined` when the damaged one was set aside and no new one could be made. */
  readonly log: DiskLog | undefined
  /** Why there is no log. */
  readonly error: Error | undefined
  /** What was readable. Where `report.movedTo` is set the log itself is empty. */
  readonly records: ReadonlyMap<string, Frame>
  readonly generation: number
  readonly report: DamageReport | undefined
}

/** What one pass over a log found. */
interface Contents {
  readonly records: Map<string, Frame>
  checkpoint: Checkpoint | undefined
  damaged: number
  /** Why not everything could be read. */
  reasons: string[]
}

/**
 * @param version - the newest format that the caller reads
 * @param isRebuilding - the caller still has what was in a log that was set aside, and what became of it since
 * @throws PeerStoreLockedError when another instance or process holds it
 * @throws PeerStoreVersionError when it is newer; nothing is changed
 */
export async function loadLog (disk: Disk, path: string, version: number, isRebuilding = false): Promise<LoadedLog> {
  // Before the log: opening that one already rewrites files in it.
  const { checkpoint: head, reason } = await readHead(disk, path, version)
  const generation = head?.generation ?? 0
  const mark = isRebuilding ? undefined : await readRebuildMark(disk, path)
  const reasons = reason == null ? [] : [reason]
  let log: DiskLog | undefined
  let found: Contents = { records: new Map(), checkpoint: undefined, damaged: 0, reasons: [] }
  try {
    log = await disk.open(path)
    found = await readAll(log, path, version)
  } catch (error) {
    await log?.close().catch(() => {})
    if (!(error instanceof PeerStoreCorruptError)) throw error
    found.reasons.push(error.message)
  }
  let movedTo: string | undefined
  let failure: Error | undefined
  const isUnfinished = mark?.generation === generation && found.reasons.length === 0 && found.checkpoint == null && found.records.size === 0
  if (isUnfinished) found.reasons.push('it was being rebuilt when the process ended')
  if (found.reasons.length > 0) {
    await log?.close()
    movedTo = isUnfinished ? mark.movedTo : undefined
    if (movedTo == null) {
      if (!isUnfinished) await writeRebuildMark(disk, path, { generation })
      const aside = await disk.setAside(path)
      // The new log, empty as it is, came after the one that it is to replace.
      movedTo = isUnfinished ? asideBefore(aside) ?? aside : aside
      await writeRebuildMark(disk, path, { generation, movedTo })
    }
    // What the first pass could read is in the salvaged log too, but a repair may fail.
    found = merge(found, await salvage(disk, movedTo, version))
    try {
      log = await disk.open(path)
    } catch (error) {
      // What was salvaged must not be lost for that: the caller has it, and writes it when the disk takes it.
      log = undefined
      failure = toError(error)
    }
  }
  const expected = newer(head, found.checkpoint)
  reasons.push(...found.reasons, ...disagreement(found, head, expected))
  return {
    log,
    error: failure,
    records: found.records,
    generation: expected?.generation ?? 0,
    report: reasons.length === 0
      ? undefined
      : {
          kept: found.records.size,
          damaged: found.damaged,
          missing: Math.max(0, (expected?.count ?? 0) - found.records.size - found.damaged),
          reason: reasons.join('; '),
          movedTo
        }
  }
}

/** The file with the checkpoint of the last synced batch. */
export function headPath (path: string): string {
  return `${path}.head`
}

async function readHead (disk: Disk, path: string, version: number): Promise<{ checkpoint?: Checkpoint, reason?: string }> {
  const bytes = await disk.readFile(headPath(path))
  if (bytes == null) return {}
  const head = decodeCheckpoint(bytes)
  if (head == null) return { reason: 'the checkpoint file is damaged' }
  assertVersion(path, head.version, version)
  return { checkpoint: head.checkpoint }
}

function assertVersion (path: string, found: number, known: number): void {
  if (found <= known) return
  throw new PeerStoreVersionError(
    `${path} was written by a newer version (format ${found}; this one reads up to ${known}): it was left as it is`
  )
}

async function readAll (log: DiskLog, path: string, version: number): Promise<Contents> {
  const contents: Contents = { records: new Map(), checkpoint: undefined, damaged: 0, reasons: [] }
  try {
    for await (const [key, bytes] of log.entries()) {
      const frame = decodeFrame(key, bytes)
      if (frame != null) assertVersion(path, frame.version, version)
      if (frame == null) contents.damaged++
      else if (key === CHECKPOINT_KEY) contents.checkpoint = decodeCheckpoint(bytes)?.checkpoint
      else contents.records.set(key, frame)
    }
  } catch (error) {
    if (error instanceof PeerStoreVersionError) throw error
    contents.reasons.push(`it cannot be read to its end: ${toError(error).message}`)
  }
  if (contents.damaged > 0) contents.reasons.push(`${contents.damaged} damaged records`)
  return contents
}

/** What a log that was set aside still says. It may say nothing, but it never fails. */
async function salvage (disk: Disk, path: string, version: number): Promise<Contents> {
  try {
    const log = await disk.open(path)
    try {
      return await readAll(log, path, version)
    } finally {
      await log.close()
    }
  } catch (error) {
    return { records: new Map(), checkpoint: undefined, damaged: 0, reasons: [`nothing more could be salvaged: ${toError(error).message}`] }
  }
}

/** Both are of the same log; the second was read after a repair, which may bring back more, and older values never last. */
function merge (first: Contents, second: Contents): Contents {
  return {
    records: new Map([...second.records, ...first.records]),
    checkpoint: newer(first.checkpoint, second.checkpoint),
    damaged: Math.max(first.damaged, second.damaged),
    reasons: [...new Set([...first.reasons, ...second.reasons])]
  }
}

function newer (a: Checkpoint | undefined, b: Checkpoint | undefined): Checkpoint | undefined {
  if (a == null || b == null) return a ?? b
  return a.generation > b.generation ? a : b
}

/** How the records differ from what the checkpoints say. */
function disagreement (found: Contents, head: Checkpoint | undefined, expected: Checkpoint | undefined): string[] {
  const { records, checkpoint, damaged } = found
  if (expected == null) return records.size > 0 ? ['the checkpoint is gone'] : []
  const reasons: string[] = []
  const reached = checkpoint ?? EMPTY_CHECKPOINT
  const behind = (head?.generation ?? 0) - reached.generation
  if (behind > 0) reasons.push(`the last ${behind} batches are gone`)
  const missing = expected.count - records.size - damaged
  if (missing > 0) reasons.push(`${missing} records are missing`)
  if (missing < 0) reasons.push(`${-missing} records are back that were deleted`)
  if (reasons.length === 0 && damaged === 0 && expected.sum !== sumOf(records.values())) {
    reasons.push('some records are not the last that were written')
  }
  return reasons
}

/** As in {@link Checkpoint.sum}. */
export function sumOf (records: Iterable<Frame>): number {
  let sum = 0
  for (const { checksum } of records) sum = (sum + checksum) >>> 0
  return sum
}

/** What `loadLog` throws on purpose. Everything else is a disk that fails, now. */
export function isRefusal (error: unknown): boolean {
  return error instanceof PeerStoreLockedError || error instanceof PeerStoreVersionError
}
