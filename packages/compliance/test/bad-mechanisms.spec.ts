import { describe, expect, it } from 'vitest'
import { badMechanisms, clauses, collect, ComplianceError, mechanismCompliance, noticeBoardSetup } from '../src/index.ts'

describe('the suite rejects each bad mechanism for its own reason, and for no other', () => {
  for (const { name, fault, breaks, create } of badMechanisms) {
    it(`${name}: ${fault}`, async () => {
      const results = await collect(runner => { mechanismCompliance(runner, noticeBoardSetup(name, create)) })
      const errors = results.filter(({ outcome }) => outcome === 'failed').map(({ error }) => error)
      expect(errors.map(error => error instanceof ComplianceError ? error.clause : error), errors.join('\n')).toEqual(breaks)
    })
  }
})

describe('the cast', () => {
  it('breaks every clause at least once', () => {
    const broken = new Set(badMechanisms.flatMap(({ breaks }) => breaks))
    expect(clauses.map(({ id }) => id).filter(id => !broken.has(id))).toEqual([])
  })

  it('names clauses that exist, and no mechanism twice', () => {
    const ids = clauses.map(({ id }) => id)
    expect(badMechanisms.flatMap(({ breaks }) => breaks).filter(id => !ids.includes(id))).toEqual([])
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(badMechanisms.map(({ name }) => name)).size).toBe(badMechanisms.length)
  })
})
