import { describe, expect, it } from 'vitest'
import { read } from './source-text.ts'

// Two copies of these break `instanceof`, symbols and private fields between packages that look the same.
const ONCE = ['@libp2p/interface', '@multiformats/multiaddr', '@libp2p/peer-id']
const BANNED: Record<string, string> = {
  '@chainsafe/libp2p-gossipsub': 'it was moved to @libp2p/gossipsub and gets no fixes here'
}
// From these on, known holes are closed and the wiring that we rely on is there (docs/adr/0001-toolchain.md).
const AT_LEAST: Record<string, string> = { libp2p: '3.3.11', '@libp2p/kad-dht': '16.4.5', '@libp2p/gossipsub': '17.1.1' }

/** Versions by package, from the `packages:` section, which has one entry for each copy that is installed. */
function lockedVersions (lockFile: string): Map<string, string[]> {
  const [, section = ''] = lockFile.split(/^packages:$/m)
  const versions = new Map<string, string[]>()
  for (const [, name = '', version = ''] of (section.split(/^\S/m)[0] ?? '').matchAll(/^ {2}'?((?:@[^/\s]+\/)?[^@\s]+)@([^:'(\s]+)'?:$/gm)) {
    versions.set(name, [...versions.get(name) ?? [], version])
  }
  return versions
}

function objections (lockFile: string): string[] {
  const versions = lockedVersions(lockFile)
  return [
    ...ONCE.filter(name => versions.get(name)?.length !== 1)
      .map(name => `${name} must be there exactly once, is there as ${versions.get(name)?.join(' and ') ?? 'nothing'}`),
    ...Object.entries(BANNED).filter(([name]) => versions.has(name)).map(([name, reason]) => `${name}: ${reason}`),
    ...Object.entries(AT_LEAST).flatMap(([name, least]) => {
      return (versions.get(name) ?? []).filter(version => isOlder(version, least)).map(version => `${name} ${version} is older than ${least}`)
    })
  ]
}

function isOlder (version: string, than: string): boolean {
  // A pre-release is older than its release; among themselves they are not compared.
  if (version.startsWith(`${than}-`)) return true
  const order = new Intl.Collator('en', { numeric: true })
  return order.compare(version.replace(/[-+].*/, ''), than) < 0
}

const lock = (...packages: string[]): string => {
  const entries = packages.map(name => `  '${name}':\n    resolution: {}\n`)
  return `lockfileVersion: '9.0'\n\npackages:\n\n${entries.join('\n')}\nsnapshots:\n\n  ignored@1.0.0: {}\n`
}
const fine = ['@libp2p/interface@3.3.0', '@multiformats/multiaddr@13.0.3', '@libp2p/peer-id@6.0.15']

describe('the lock file', () => {
  it('has one copy of what must be one, nothing banned and nothing too old', () => {
    expect(objections(read('pnpm-lock.yaml'))).toEqual([])
  })

  it('is read as it is written', () => {
    const versions = lockedVersions(read('pnpm-lock.yaml'))
    expect(versions.size).toBeGreaterThan(100)
    expect(versions.get('libp2p')).toHaveLength(1)
    expect(versions.get('vitest')).toHaveLength(1)
  })
})

describe('a lock file is refused', () => {
  it.each<[string[], string]>([
    [[...fine, '@libp2p/interface@2.11.0'], '@libp2p/interface must be there exactly once, is there as 3.3.0 and 2.11.0'],
    [fine.slice(1), '@libp2p/interface must be there exactly once, is there as nothing'],
    [[...fine, '@chainsafe/libp2p-gossipsub@14.1.2'], '@chainsafe/libp2p-gossipsub: it was moved to @libp2p/gossipsub and gets no fixes here'],
    [[...fine, 'libp2p@3.3.10'], 'libp2p 3.3.10 is older than 3.3.11'],
    [[...fine, 'libp2p@3.3.11-beta.1'], 'libp2p 3.3.11-beta.1 is older than 3.3.11'],
    [[...fine, 'libp2p@3.3.11', 'libp2p@2.10.0'], 'libp2p 2.10.0 is older than 3.3.11'],
    [[...fine, '@libp2p/kad-dht@16.4.4'], '@libp2p/kad-dht 16.4.4 is older than 16.4.5'],
    [[...fine, '@libp2p/gossipsub@17.0.9'], '@libp2p/gossipsub 17.0.9 is older than 17.1.1']
  ])('with %j', (packages, reason) => {
    expect(objections(lock(...packages))).toEqual([reason])
  })

  it('but not with newer versions', () => {
    expect(objections(lock(...fine, 'libp2p@3.10.0', '@libp2p/kad-dht@17.0.0', '@libp2p/gossipsub@17.1.1'))).toEqual([])
  })
})
