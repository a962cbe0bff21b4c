/** The `DiskLog` port on an open LevelDB. */
import type { DiskLog } from '@peerweave/interface'
import type { Level } from 'level'

export type LevelDatabase = Level<string, Uint8Array>

export const LEVEL_OPTIONS = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

/** Entries fetched at once: one by one costs a turn of the event loop each. Chosen. */
const CHUNK = 1_000

/**
 * @param release - lets go of the lock
 * @param asSystemError - gives what the database throws the system's code, where it has one
 */
export function levelLog (level: LevelDatabase, release: () => Promise<void>, asSystemError: (error: unknown) => Error): DiskLog {
  let closing: Promise<void> | undefined
  const rethrow = (error: unknown): never => { throw asSystemError(error) }
  return {
    async batch (writes, { sync = false } = {}) {
      await level.batch([...writes], { sync }).catch(rethrow)
    },
    async * entries () {
      const iterator = level.iterator()
      try {
        for (;;) {
          const entries = await iterator.nextv(CHUNK).catch(rethrow)
          if (entries.length === 0) return
          yield * entries
        }
      } finally {
        await iterator.close()
      }
    },
    async close () {
      closing ??= closeLevel(level, release)
      await closing
    }
  }
}

async function closeLevel (level: LevelDatabase, release: () => Promise<void>): Promise<void> {
  try {
    await level.close()
  } finally {
    await release()
  }
}
