/**
 * A note beside the log, written before a damaged one is set aside: should the process die before what was salvaged is in
 * the new log, the next one finds that one empty, and this says where to look. It holds as long as the head has the
 * generation that it had then, so nobody takes it away: the batch that ends the rebuilding moves the head on.
 */
import { decodeFrame, encodeFrame } from './frame.ts'
import type { Disk } from '@peerweave/interface'

export interface RebuildMark {
  /** Of the head, 0 without one. */
  readonly generation: number
  /** Where the damaged log is; missing when it was not yet told. */
  readonly movedTo?: string | undefined
}

const KEY = 'rebuild'

/** A disk that does not take it is no reason to leave the log as it is. */
export async function writeRebuildMark (disk: Disk, path: string, mark: RebuildMark): Promise<void> {
  const bytes = encodeFrame(KEY, new TextEncoder().encode(JSON.stringify(mark)), 1)
  await disk.writeFile(markPath(path), bytes).catch(() => {})
}

export async function readRebuildMark (disk: Disk, path: string): Promise<RebuildMark | undefined> {
  const bytes = await disk.readFile(markPath(path))
  const frame = bytes == null ? undefined : decodeFrame(KEY, bytes)
  return frame?.version === 1 ? JSON.parse(new TextDecoder().decode(frame.value)) as RebuildMark : undefined
}

/** What was set aside before `path` was. */
export function asideBefore (path: string): string | undefined {
  const [, prefix, number] = /^(.*\.damaged-)(\d+)$/.exec(path) ?? []
  return Number(number) > 1 ? `${prefix}${Number(number) - 1}` : undefined
}

function markPath (path: string): string {
  return `${path}.rebuild`
}
