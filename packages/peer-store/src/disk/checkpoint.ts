/**
 * What the log should hold. LevelDB drops what it cannot read of its own files without a word (security research F9),
 * so each batch carries this, and each synced batch repeats it in a small file beside the log: a log that lost its tail
 * agrees with itself, but not with that file.
 */
import { decodeFrame, encodeFrame } from './frame.ts'

export interface Checkpoint {
  /** Batches written so far. */
  readonly generation: number
  /** Records in the log. */
  readonly count: number
  /** Sum of the records' checksums modulo 2³²: tells an old value from the last one. A sum, because it takes any order. */
  readonly sum: number
}

/** Where it is in the log. Keys of records do not begin with `meta/`. */
export const CHECKPOINT_KEY = 'meta/checkpoint'

export const EMPTY_CHECKPOINT: Checkpoint = { generation: 0, count: 0, sum: 0 }

/** Framed as records are. Three 64-bit floats, which hold every whole number to 2⁵³. */
export function encodeCheckpoint ({ generation, count, sum }: Checkpoint, version: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(24))
  for (const [i, number] of [generation, count, sum].entries()) bytes.setFloat64(8 * i, number)
  return encodeFrame(CHECKPOINT_KEY, new Uint8Array(bytes.buffer), version)
}

/** @returns `undefined` when it is damaged. Of a newer version only that is known: its checkpoint is empty. */
export function decodeCheckpoint (bytes: Uint8Array): { version: number, checkpoint: Checkpoint } | undefined {
  const frame = decodeFrame(CHECKPOINT_KEY, bytes)
  if (frame == null) return undefined
  if (frame.value.length < 24) return { version: frame.version, checkpoint: EMPTY_CHECKPOINT }
  const view = new DataView(frame.value.buffer, frame.value.byteOffset)
  return { version: frame.version, checkpoint: { generation: view.getFloat64(0), count: view.getFloat64(8), sum: view.getFloat64(16) } }
}
