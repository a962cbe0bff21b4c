/** What `NewTable` does at its bounds, what it costs, and what it leaves behind. */
import { limits, seededRng } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { NewTable, type Voucher } from '../../src/admission/new-table.ts'
import { arrive, figure, LONG, nameOf, testHash } from './support.ts'

const voucher = (n: number, init: Partial<Voucher> = {}): Voucher => ({ id: `peer-${n}`, group: 'net:1.1', isChosen: false, ...init })

function fill (table: NewTable, count: number, init: Partial<Voucher> = {}): void {
  for (let n = 0; n < count; n++) arrive(table, voucher(n, init))
}

describe('the bounds of NewTable', () => {
  it.each([
    ['a group', {}, limits.newPeers / limits.newPerGroupDivisor],
    ['a group of chosen reporters', { isChosen: true }, limits.newPeers / limits.newPerChosenGroupDivisor],
    ['a group behind an interface', { group: 'if:eth0' }, limits.newPerPrivateGroup],
    ['a chosen group behind an interface', { group: 'if:eth0', isChosen: true }, limits.newPeers / limits.newPerChosenGroupDivisor]
  ])('%s holds its cap and no more, though the table is empty otherwise', (_what, init, cap) => {
    const table = new NewTable({ hash: testHash() })
    fill(table, cap - 1, init)
    expect(table.size).toBe(cap - 1)
    fill(table, cap, init)
    expect(table.size).toBe(cap)
    fill(table, 3 * cap, init)
    expect(table.size).toBe(cap)
  })

  it('leaves a group of a small table more than its share, and never more than the table', () => {
    const table = new NewTable({ hash: testHash(), capacity: 100 })
    fill(table, 50)
    expect(table.size).toBe(limits.newPerGroupMin)
    const tiny = new NewTable({ hash: testHash(), capacity: 5 })
    fill(tiny, 50)
    expect(tiny.size).toBe(5)
  })

  it('says who must go at n + 1 and not at n', () => {
    const table = new NewTable({ hash: testHash(), capacity: 8 })
    for (let n = 0; n < 8; n++) expect([table.add(voucher(n)), table.overflow()]).toEqual([true, undefined])
    table.add(voucher(8))
    expect(table.overflow()).toEqual(table.victim())
    expect(table.overflow()).toMatchObject({ group: 'net:1.1', isChosen: false })
  })

  it('holds vouchers of both classes for one peer and one group, and each goes by itself', () => {
    const table = new NewTable({ hash: testHash() })
    table.add(voucher(1))
    table.add(voucher(1, { isChosen: true }))
    table.add(voucher(1, { subgroup: 'a' }))
    expect([table.size, table.peers]).toEqual([3, 1])
    // A reporter that we have dialled by now: its vouchers move.
    expect(table.remove(voucher(1))).toBe(true)
    expect(table.remove(voucher(1))).toBe(false)
    expect([...table.vouchersOf('peer-1')].map(nameOf).sort()).toEqual(['chosen net:1.1  peer-1', 'other net:1.1 a peer-1'])
    table.removePeer('peer-1')
    expect([table.size, table.peers, table.has('peer-1'), table.victim()]).toEqual([0, 0, false, undefined])
  })

  it('within a group a house that floods displaces its own', () => {
    const table = new NewTable({ hash: testHash() })
    fill(table, 200, { subgroup: 'honest' })
    for (let n = 0; n < 2_000; n++) arrive(table, voucher(n + 1_000, { subgroup: 'flood' }))
    expect(table.size).toBe(512)
    for (let n = 0; n < 200; n++) expect(table.has(`peer-${n}`)).toBe(true)
  })

  it('names the ids of each class and group, a peer once a group', () => {
    const table = new NewTable({ hash: testHash() })
    for (const [group, subgroup, isChosen] of [['a', 'x', false], ['a', 'y', false], ['a', 'x', true], ['b', undefined, false]] as const) {
      table.add({ id: 'peer', group, subgroup, isChosen })
    }
    table.add({ id: 'other', group: 'b', isChosen: false })
    expect(table.groups().map(ids => ids.sort().join())).toEqual(['peer', 'peer', 'other,peer'])
  })

  it('a wrong option names itself', () => {
    expect(() => new NewTable({ hash: testHash(), capacity: 0 })).toThrow(/capacity/)
    expect(() => new NewTable({ hash: testHash(), perGroup: Number.NaN })).toThrow(/perGroup/)
  })
})

describe('what NewTable costs', () => {
  it('hashes nothing before a victim is asked for, and then only where one may come from', () => {
    let hashed = 0
    const hash = testHash()
    const table = new NewTable({ hash: text => { hashed++; return hash(text) }, capacity: 1_000, perGroup: 500 })
    for (let group = 0; group < 100; group++) {
      for (let n = 0; n < 5; n++) arrive(table, { id: `peer-${group}-${n}`, group: `net:${group}`, isChosen: false })
    }
    fill(table, 500)
    expect(hashed).toBe(0)
    arrive(table, voucher(500))
    // The one large group, with its subgroup's members.
    expect(hashed).toBe(501)
  })

  it('peers that come and go leave no room behind that is not used again', () => {
    const table = new NewTable({ hash: testHash(), capacity: 64, perGroup: 8 })
    const rng = seededRng(5)
    for (let i = 0; i < (LONG ? 1_000_000 : 100_000); i++) {
      // Groups, houses and ids that are never seen again, and some that are.
      const id = rng.int(2) === 0 ? `peer-${i}` : `peer-${rng.int(40)}`
      const group = rng.int(2) === 0 ? `net:${i}` : `net:${rng.int(10)}`
      arrive(table, { id, group, subgroup: rng.int(3) === 0 ? `${group}.${i}` : undefined, isChosen: rng.int(4) === 0 })
      if (rng.int(5) === 0) table.removePeer(`peer-${rng.int(40)}`)
      const [first] = table.vouchers()
      if (first != null && rng.int(5) === 0) table.remove(first)
    }
    expect(table.slots).toBeLessThanOrEqual(65)
    expect(table.groups().length).toBeLessThanOrEqual(64)
    for (const { id } of [...table.vouchers()]) table.removePeer(id)
    expect([table.size, table.peers, table.groups(), table.victim()]).toEqual([0, 0, [], undefined])
  }, 3_600_000)

  it('takes a million adds under pressure in some seconds', () => {
    const count = LONG ? 1_000_000 : 100_000
    const ids = Array.from({ length: count }, (_, n) => `12D3KooW${String(n).padStart(44, 'x')}`)
    const time = (adds: () => void): string => {
      const begun = performance.now()
      adds()
      return `${((performance.now() - begun) * 1_000 / count).toFixed(2)} µs`
    }
    const vouchers = (groups: number): Voucher[] => ids.map((id, n) => {
      return { id, group: `net:${n % groups}`, subgroup: `net:${n % groups}.${n % 7}`, isChosen: false }
    })
    const [few, many] = [vouchers(64), vouchers(500)]
    const roomy = new NewTable({ hash: testHash(), capacity: 2 * count, perGroup: 2 * count })
    const quiet = time(() => { for (const voucher of few) roomy.add(voucher) })
    const full = new NewTable({ hash: testHash() })
    const pressed = time(() => { for (const voucher of many) arrive(full, voucher) })
    figure(`new, ${count} adds with room: ${quiet} each; under pressure, victim included: ${pressed} each`)
    expect([roomy.size, full.size]).toEqual([count, limits.newPeers])
  }, 3_600_000)
})
