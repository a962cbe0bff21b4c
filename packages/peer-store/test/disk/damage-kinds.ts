/** Ten kinds of damage to a LevelDB folder. */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Rng } from '@peerweave/interface'

function pick (folder: string, pattern: RegExp, rng: Rng): string {
  const names = readdirSync(folder).filter(name => pattern.test(name) && statSync(join(folder, name)).size > 0).sort()
  const name = names[rng.int(names.length)]
  if (name == null) throw new Error(`no ${String(pattern)} in ${readdirSync(folder).join(' ')}`)
  return join(folder, name)
}

function truncate (file: string, rng: Rng): void {
  truncateSync(file, rng.int(statSync(file).size))
}

export function flip (file: string, rng: Rng, flips = 4): void {
  const content = readFileSync(file)
  for (let i = 0; i < flips; i++) {
    const at = rng.int(content.length)
    content[at] = (content[at] as number) ^ (1 + rng.int(255))
  }
  writeFileSync(file, content)
}

const garbage = (rng: Rng): Uint8Array => Uint8Array.from({ length: 1 + rng.int(4_000) }, () => rng.int(256))

export const KINDS: ReadonlyArray<[string, (path: string, rng: Rng) => void]> = [
  ['CURRENT is gone', path => { rmSync(join(path, 'CURRENT')) }],
  ['CURRENT is garbage', (path, rng) => { writeFileSync(join(path, 'CURRENT'), garbage(rng)) }],
  ['the log is cut short', (path, rng) => { truncate(pick(path, /\.log$/, rng), rng) }],
  ['MANIFEST is cut short', (path, rng) => { truncate(pick(path, /^MANIFEST/, rng), rng) }],
  ['bytes of the log are others', (path, rng) => { flip(pick(path, /\.log$/, rng), rng) }],
  ['bytes of a table are others', (path, rng) => { flip(pick(path, /\.ldb$/, rng), rng) }],
  ['bytes of MANIFEST are others', (path, rng) => { flip(pick(path, /^MANIFEST/, rng), rng) }],
  ['a file is empty', (path, rng) => { truncateSync(pick(path, /^MANIFEST|^CURRENT|\.(ldb|log)$/, rng), 0) }],
  ['a table is gone', (path, rng) => { rmSync(pick(path, /\.ldb$/, rng)) }],
  ['a file is garbage', (path, rng) => { writeFileSync(pick(path, /^MANIFEST|\.(ldb|log)$/, rng), garbage(rng)) }]
]
