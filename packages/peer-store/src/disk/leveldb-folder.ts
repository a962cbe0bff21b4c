/** What stands in LevelDB's folder, as far as LevelDB itself does not look at it. */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PeerStoreCorruptError, toError } from '@peerweave/interface'
import { FormatError } from './leveldb-coding.ts'
import { errorCode } from './error-code.ts'
import { liveTables } from './leveldb-manifest.ts'
import { findTableDamage, salvageTable } from './leveldb-table.ts'
import { syncFolder } from './replace-file.ts'

const TABLE = /\.(ldb|sst)$/

/**
 * Finds what LevelDB would read past, drop without a word or die of. What it complains of by itself is left to it.
 *
 * @throws PeerStoreCorruptError naming the file
 */
export async function assertWhole (folder: string): Promise<void> {
  const names = await readdir(folder)
  if (!names.includes('CURRENT')) {
    // LevelDB begins anew then, and deletes the tables that were there (security research F9).
    if (names.some(name => /^MANIFEST-|\.(ldb|sst|log)$/.test(name))) {
      throw new PeerStoreCorruptError(`${folder} has no CURRENT, but files that need one`)
    }
    return
  }
  const manifest = (await readFile(join(folder, 'CURRENT'), 'latin1')).trimEnd()
  if (!names.includes(manifest) || !manifest.startsWith('MANIFEST-')) return
  for (const [number, size] of await readManifest(join(folder, manifest))) {
    const name = tableName(number, names)
    const damage = name == null ? 'it is gone' : await findTableDamage(join(folder, name), size)
    if (damage != null) throw new PeerStoreCorruptError(`${folder} has a damaged table, ${name ?? number}: ${damage}`)
  }
}

async function readManifest (path: string): Promise<Map<number, number>> {
  try {
    return liveTables(await readFile(path))
  } catch (error) {
    if (error instanceof FormatError) throw new PeerStoreCorruptError(`${path} is damaged: ${error.message}`, { cause: error })
    throw error
  }
}

/** The later name first, as LevelDB does. */
function tableName (number: number, names: readonly string[]): string | undefined {
  const stem = String(number).padStart(6, '0')
  return [`${stem}.ldb`, `${stem}.sst`].find(name => names.includes(name))
}

/**
 * Before LevelDB's repair, which verifies no block either: puts a table of its whole blocks in the place of each damaged
 * one, which goes to `lost`, where LevelDB puts what it gives up.
 */
export async function salvageTables (folder: string): Promise<void> {
  const lost = join(folder, 'lost')
  for (const name of (await readdir(folder)).filter(name => TABLE.test(name))) {
    const path = join(folder, name)
    // What cannot be read is as good as damaged.
    if (await findTableDamage(path).catch(error => toError(error).message) == null) continue
    await mkdir(lost, { mode: 0o700 }).catch(error => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
    await rename(path, join(lost, name))
    // On a full disk it stays out; `lost` has it.
    await salvageTable(join(lost, name), path).catch(async () => { await rm(path, { force: true }) })
  }
  await syncFolder(folder)
}
