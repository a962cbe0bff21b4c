/** The package arrows of the architecture (docs/adr, DESIGN §2): who may use whom, and why not the others. */
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesUnder, importsOf, manifestOf, packageFolders, read, type Manifest } from './source-text.ts'

interface Rule {
  /** Workspace packages that its sources may import. */
  uses: string[]
  /** Where the list of other packages is closed as well. */
  foreign?: string[]
  /** Never, whoever else may. */
  banned?: string[]
  /** Only tests import it. */
  isForTests?: boolean
  reason: string
}

// By folder. Packages that do not exist yet stand here already, so that they begin with the right arrows.
const RULES: Record<string, Rule> = {
  interface: {
    uses: [],
    foreign: ['@libp2p/interface', '@libp2p/peer-id', '@multiformats/multiaddr', 'main-event', 'ipaddr.js', 'pure-rand'],
    reason: 'everything depends on it, so it depends on nothing of ours and brings as little as it can'
  },
  records: { uses: ['interface'], reason: 'signed records are verified without knowing who carries them' },
  libp2p: {
    uses: ['interface'],
    banned: ['libp2p'],
    reason: 'it puts the ports on libp2p’s interface packages; the node itself is the user’s, in the user’s version'
  },
  exchange: { uses: ['interface', 'records'], reason: 'a protocol on the ports: the simulator runs the same code' },
  'peer-store': { uses: ['interface', 'records'], reason: 'it keeps what it is told and asks nobody: no mechanism, no network' },
  mdns: { uses: ['interface', 'libp2p'], reason: 'a mechanism tells what it saw and nothing else: no other mechanism, no multi, no store' },
  dns: { uses: ['interface', 'libp2p'], reason: 'a mechanism tells what it saw and nothing else: no other mechanism, no multi, no store' },
  dht: { uses: ['interface', 'libp2p'], reason: 'a mechanism tells what it saw and nothing else: no other mechanism, no multi, no store' },
  bootstrap: {
    uses: ['interface', 'libp2p', 'records', 'exchange'],
    reason: 'a mechanism; it asks the nodes that it reached for their peers, by exchange'
  },
  gossip: { uses: ['interface', 'libp2p', 'records', 'exchange'], reason: 'a mechanism; it pulls what it lacks by exchange' },
  multi: {
    uses: ['interface', 'libp2p', 'records', 'peer-store'],
    reason: 'it weaves any mechanisms, so it knows none by name'
  },
  services: { uses: ['interface', 'records'], reason: 'it uses the ports only: any view of the network will do' },
  routing: { uses: ['interface'], reason: 'it uses the ports only: any view of the network will do' },
  simulator: {
    uses: ['interface', 'records', 'peer-store', 'exchange', 'bootstrap', 'gossip', 'multi', 'services', 'routing'],
    banned: ['libp2p'],
    reason: 'it runs the real code on ports of its own: with libp2p below, time would not be its own'
  },
  compliance: {
    uses: ['interface', 'records'],
    isForTests: true,
    reason: 'it is handed a mechanism and a test runner, and judges users’ mechanisms as it does ours'
  },
  testnet: { uses: ['interface', 'libp2p'], isForTests: true, reason: 'it starts real nodes for tests, ours and users’' },
  node: {
    uses: [
      'interface', 'records', 'libp2p', 'exchange', 'peer-store', 'mdns', 'dns', 'dht', 'bootstrap', 'gossip', 'multi', 'services', 'routing'
    ],
    reason: 'the one library that knows every name'
  },
  cli: {
    uses: [
      'interface', 'records', 'libp2p', 'exchange', 'peer-store', 'mdns', 'dns', 'dht', 'bootstrap', 'gossip', 'multi', 'services', 'routing',
      'simulator', 'node'
    ],
    reason: 'the program: nothing depends on it'
  }
}

const nameOf = (folder: string): string => folder === 'cli' ? 'peerweave' : `@peerweave/${folder}`
const folderOf = new Map(Object.keys(RULES).map(folder => [nameOf(folder), folder]))
/** `@a/b/c` and `b/c` without what follows the package's name. */
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
const isBare = (specifier: string): boolean => !specifier.startsWith('.') && !specifier.startsWith('#') && !isBuiltin(specifier)

/** Why the package in `folder` may not depend on `name`; nothing if it may. */
function objection (folder: string, name: string): string | undefined {
  const rule = RULES[folder]
  if (rule == null) return `packages/${folder} has no arrows yet: write them, with the reason, into test/arrows.spec.ts`
  const target = folderOf.get(name)
  if (target == null && /^(@peerweave\/|peerweave$)/.test(name)) return `${name} has no arrows yet`
  const isAllowed = target != null ? rule.uses.includes(target) : rule.foreign?.includes(name) !== false
  if (rule.banned?.includes(name) !== true && isAllowed) return undefined
  return target != null && RULES[target]?.isForTests === true ? 'it is for tests only' : rule.reason
}

/** Objections to what a manifest asks for at run time. */
function manifestObjections (folder: string, manifest: Manifest): string[] {
  return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).flatMap(name => {
    const reason = objection(folder, name)
    return reason == null ? [] : [`packages/${folder}/package.json: ${name}: ${reason}`]
  })
}

/** Objections to what one source file imports. */
function importObjections (folder: string, file: string, source: string, manifest: Manifest): string[] {
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
  return importsOf(source).flatMap(specifier => {
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(file), specifier)
      return target.startsWith(`packages/${folder}/src/`) ? [] : [`${file}: ${specifier}: it leaves the package’s sources`]
    }
    if (!isBare(specifier)) return []
    const name = packageOf(specifier)
    const reason = objection(folder, name) ?? (declared.has(name) ? undefined : `it is not in the dependencies of packages/${folder}`)
    return reason == null ? [] : [`${file}: ${specifier}: ${reason}`]
  })
}

/** The first import cycle among files, as a path that ends where it began. */
function findCycle (imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const next of imports.get(file) ?? []) {
      const cycle = visit(next, [...path, file])
      if (cycle != null) return cycle
    }
    done.add(file)
    return undefined
  }
  for (const file of imports.keys()) {
    const cycle = visit(file, [])
    if (cycle != null) return cycle
  }
  return undefined
}

describe.each(packageFolders())('packages/%s', folder => {
  const manifest = manifestOf(folder)
  const files = filesUnder(`packages/${folder}/src`)

  it('depends along the arrows only', () => {
    expect(manifestObjections(folder, manifest)).toEqual([])
  })

  it('imports along the arrows only, and only what it declares', () => {
    expect(files.flatMap(file => importObjections(folder, file, read(file), manifest))).toEqual([])
  })

  it('has tests that import only what it declares', () => {
    const declared = new Set([...Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies }), manifest.name])
    const undeclared = filesUnder(`packages/${folder}/test`).flatMap(file => {
      return importsOf(read(file)).filter(name => isBare(name) && !declared.has(packageOf(name))).map(name => `${file}: ${name}`)
    })
    expect(undeclared).toEqual([])
  })

  it('has no import cycle', () => {
    const imports = new Map(files.map(file => {
      const relative = importsOf(read(file)).filter(specifier => specifier.startsWith('.'))
      return [file, relative.map(specifier => posix.join(posix.dirname(file), specifier))]
    }))
    expect(findCycle(imports)).toBeUndefined()
  })
})

describe('the table of arrows', () => {
  it('has no cycle itself', () => {
    expect(findCycle(new Map(Object.entries(RULES).map(([folder, { uses }]) => [folder, uses])))).toBeUndefined()
  })

  it('knows every package that it names, and every package that is there', () => {
    expect(Object.values(RULES).flatMap(({ uses }) => uses).filter(name => RULES[name] == null)).toEqual([])
    expect(packageFolders().filter(folder => RULES[folder] == null)).toEqual([])
    expect(packageFolders().map(folder => manifestOf(folder).name)).toEqual(packageFolders().map(nameOf))
  })
})

describe('an arrow that is not allowed is found', () => {
  const everything = {
    name: '',
    dependencies: Object.fromEntries([...folderOf.keys(), 'libp2p', 'it-merge', '@libp2p/interface', '@libp2p/utils'].map(name => [name, '*']))
  }
  const objections = (folder: string, source: string, manifest: Manifest = everything): string[] => {
    return importObjections(folder, `packages/${folder}/src/a.ts`, source, manifest)
  }

  it.each([
    ['mdns', "import { dht } from '@peerweave/dht'", 'a mechanism imports another one'],
    ['mdns', "import type { Multi } from '@peerweave/multi'", 'a mechanism imports multi, if only a type'],
    ['bootstrap', "export * from '@peerweave/peer-store'", 'a mechanism re-exports the store'],
    ['multi', "const { mdns } = await import('@peerweave/mdns')", 'multi loads a mechanism by name'],
    ['peer-store', "import { portsFrom } from '@peerweave/libp2p'", 'the store on the network'],
    ['interface', "import { portsFrom } from '@peerweave/libp2p'", 'the interface on anything of ours'],
    ['interface', "import merge from 'it-merge'", 'the interface on a package that is not on its list'],
    ['interface', "import { isPrivate } from '@libp2p/utils/multiaddr'", 'the same, by a path within the package'],
    ['libp2p', "import { createLibp2p } from 'libp2p'", 'the ports on the whole of libp2p'],
    ['libp2p', "import type { Libp2p } from 'libp2p/user-agent'", 'the same, by a path'],
    ['simulator', "import { createLibp2p } from 'libp2p'", 'real time below the simulator'],
    ['multi', "import { complianceSuite } from '@peerweave/compliance'", 'the test suite in a source'],
    ['multi', "import { run } from 'peerweave'", 'anything on the program'],
    ['multi', "import { x } from '@peerweave/new'", 'a package without arrows'],
    ['brand-new', "import { x } from '@peerweave/interface'", 'a folder without arrows'],
    ['multi', "import { x } from '../../mdns/src/mdns.ts'", 'past the package’s border by path'],
    ['multi', "import { x } from '../test/support.ts'", 'a source that imports tests']
  ])('%s: %s: %s', (folder, source) => {
    expect(objections(folder, source)).toHaveLength(1)
  })

  it('with the file, the import and the reason', () => {
    expect(objections('mdns', "import { dht } from '@peerweave/dht'")).toEqual([
      'packages/mdns/src/a.ts: @peerweave/dht: a mechanism tells what it saw and nothing else: no other mechanism, no multi, no store'
    ])
    expect(objections('multi', "import { suite } from '@peerweave/compliance'")).toEqual([
      'packages/multi/src/a.ts: @peerweave/compliance: it is for tests only'
    ])
  })

  it('also in a manifest', () => {
    expect(manifestObjections('mdns', { name: '', dependencies: { '@peerweave/multi': '*' } })).toHaveLength(1)
    expect(manifestObjections('libp2p', { name: '', peerDependencies: { libp2p: '*' } })).toHaveLength(1)
    expect(manifestObjections('mdns', { name: '', devDependencies: { '@peerweave/compliance': '*', libp2p: '*' } })).toEqual([])
  })

  it('and so is one that is allowed but not declared', () => {
    expect(objections('multi', "import { x } from '@peerweave/interface'", { name: '' })).toEqual([
      'packages/multi/src/a.ts: @peerweave/interface: it is not in the dependencies of packages/multi'
    ])
  })

  it('while one that is allowed passes', () => {
    expect(objections('multi', "import { x } from '@peerweave/interface'\nimport { y } from './b.ts'\nimport { z } from 'node:fs'")).toEqual([])
  })

  it('as is an import cycle', () => {
    expect(findCycle(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b'])
    expect(findCycle(new Map([['a', ['a']]]))).toEqual(['a', 'a'])
    expect(findCycle(new Map([['a', ['b', 'c']], ['b', ['c']], ['c', []]]))).toBeUndefined()
  })
})
