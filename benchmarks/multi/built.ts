/** The packages as they are published: built, in a folder of their own, each with its dependencies as they are installed here. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

interface Manifest {
  name: string
  exports?: unknown
  dependencies?: Record<string, string>
  publishConfig?: object
}

/** Calls back with the folder that holds `node_modules`, and removes it. */
export async function withBuilt<T> (use: (folder: string) => Promise<T>): Promise<T> {
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), ['-b'], { cwd: ROOT })
  const folder = await mkdtemp(join(tmpdir(), 'peerweave-built-'))
  try {
    for (const name of await readdir(join(ROOT, 'packages'))) await place(join(ROOT, 'packages', name), join(folder, 'node_modules'))
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function place (source: string, modules: string): Promise<void> {
  const { publishConfig, ...manifest } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as Manifest
  const target = join(modules, manifest.name)
  await mkdir(target, { recursive: true })
  await cp(join(source, 'dist'), join(target, 'dist'), { recursive: true })
  await writeFile(join(target, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }))
  for (const [dependency, version] of Object.entries(manifest.dependencies ?? {})) {
    const link = join(target, 'node_modules', dependency)
    await mkdir(dirname(link), { recursive: true })
    await symlink(version.startsWith('workspace:') ? join(modules, dependency) : await realpath(join(source, 'node_modules', dependency)), link)
  }
}
