import { memoryPeerStore } from '@peerweave/peer-store'
import { describe, expect, it } from 'vitest'
import { badPeerStores, collect, ComplianceError, peerStoreCompliance, storeClauses, type PeerStoreSetup } from '../src/index.ts'
import { durable } from './durable.ts'

peerStoreCompliance({ describe, it }, durable)

async function failures (setup: PeerStoreSetup): Promise<unknown[]> {
  const results = await collect(runner => { peerStoreCompliance(runner, setup) })
  return results.filter(({ outcome }) => outcome === 'failed').map(({ error }) => error)
}

describe('the suite rejects each bad store for its own reason, and for no other', () => {
  for (const { name, fault, breaks, spoil } of badPeerStores) {
    it(`${name}: ${fault}`, async () => {
      const errors = await failures(spoil(durable))
      const clauses = errors.map(error => error instanceof ComplianceError ? error.clause : error)
      expect(new Set(clauses), errors.join('\n')).toEqual(new Set(breaks))
    })
  }
})

describe('the cast', () => {
  it('breaks every clause at least once', () => {
    const broken = new Set(badPeerStores.flatMap(({ breaks }) => breaks))
    expect(storeClauses.map(({ id }) => id).filter(id => !broken.has(id))).toEqual([])
  })

  it('names clauses that exist, and no store twice', () => {
    const ids = storeClauses.map(({ id }) => id)
    expect(badPeerStores.flatMap(({ breaks }) => breaks).filter(id => !ids.includes(id))).toEqual([])
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(badPeerStores.map(({ name }) => name)).size).toBe(badPeerStores.length)
  })
})

describe('what a store does not support', () => {
  it('is skipped and named: durability where there is no reopen', () => {
    const [run, skipped]: [string[], string[]] = [[], []]
    const idOf = (name: string): string => name.split(':', 1)[0] ?? ''
    peerStoreCompliance({
      describe: (_name, fn) => fn(),
      it: Object.assign((name: string) => { run.push(idOf(name)) }, { skip: (name: string) => { skipped.push(idOf(name)) } })
    }, { name: 'memory', create: world => memoryPeerStore(world), supports: { changes: false } })
    expect(run.length + skipped.length).toBe(storeClauses.length)
    expect(skipped).toEqual([
      'changes-told', 'changes-displaced', 'changes-to-all', 'changes-missed', 'changes-end',
      'flushed-survives', 'restart-maps-times', 'hold-survives', 'stays-withdrawn'
    ])
  })

  it('is not left out in silence: durable without a way to reopen', async () => {
    const errors = await failures({ name: 'memory', create: world => memoryPeerStore(world), supports: { durable: true } })
    expect(errors.map(String)).toEqual(Array<unknown>(4).fill(expect.stringContaining('the setup has no reopen()')))
  })
})

it('a broken law of order names its seed and its steps', async () => {
  const first = badPeerStores.find(({ name }) => name === 'first word')
  const [error] = await failures({ ...first?.spoil(durable) ?? durable, seed: 7 })
  expect(String(error)).toMatch(/\[order-free\] seed 7, case \d+, at \d+: .*claim\(/)
})
