/** Folders that go when they were used, and raw LevelDB in them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'

export async function inFolder<T> (use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'peerweave-bench-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export type RawLevel = ClassicLevel<Uint8Array, Uint8Array>

export async function rawLevel (folder: string): Promise<RawLevel> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  return level
}

/** Where in `folder` the LevelDB of a store is: the folder with its `CURRENT` file. */
export async function levelIn (folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const current = files.find(file => file.isFile() && file.name === 'CURRENT')
  if (current == null) throw new Error(`${folder} holds no LevelDB`)
  return current.parentPath
}

const READ_AT_ONCE = 1_000

/** Every entry once; returns how many bytes there were. */
export async function readAll (level: RawLevel, see: (entry: [Uint8Array, Uint8Array]) => void = () => {}): Promise<number> {
  let bytes = 0
  const iterator = level.iterator()
  for (let entries = await iterator.nextv(READ_AT_ONCE); entries.length > 0; entries = await iterator.nextv(READ_AT_ONCE)) {
    for (const entry of entries) {
      bytes += entry[0].length + entry[1].length
      see(entry)
    }
  }
  await iterator.close()
  return bytes
}
