/** The law of `new`: the table is a function of the set of vouchers that ever arrived, and that function is max-min fair. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NewTable, type Voucher } from '../../src/admission/new-table.ts'
import { arrive, contents, LONG, maxMin, nameOf, testHash } from './support.ts'

const RUNS = LONG ? 100_000 : 10_000

const voucher: fc.Arbitrary<Voucher> = fc.record({
  id: fc.nat(11).map(n => `peer-${n}`),
  group: fc.constantFrom('net:1.1', 'net:2.2', 'net:3.3', 'net:4.4', 'if:eth0', 'dns:example.org'),
  subgroup: fc.constantFrom(undefined, 'a', 'b', 'c'),
  isChosen: fc.boolean()
})

const bounds = fc.record({
  capacity: fc.integer({ min: 1, max: 24 }),
  perGroup: fc.integer({ min: 1, max: 8 }),
  perChosenGroup: fc.integer({ min: 1, max: 8 }),
  perPrivateGroup: fc.integer({ min: 1, max: 8 })
})

/** Vouchers, and the same in another order with repeats of some of them anywhere. */
const twoOrders = fc.array(voucher, { minLength: 1, maxLength: 60, size: 'max' }).chain(vouchers => fc.tuple(
  fc.constant(vouchers),
  fc.array(fc.constantFrom(...vouchers), { maxLength: 10, size: 'max' }).chain(repeats => {
    const all = [...vouchers, ...repeats]
    return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })
  })
))

describe('NewTable', () => {
  it(`is the same whatever the order of arrival, and what a max-min oracle says (${RUNS} cases)`, () => {
    fc.assert(fc.property(twoOrders, bounds, fc.nat(65_535), ([vouchers, shuffled], bounds, seed) => {
      const hash = testHash(seed)
      const [one, other] = [new NewTable({ hash, ...bounds }), new NewTable({ hash, ...bounds })]
      for (const voucher of vouchers) arrive(one, voucher)
      for (const voucher of shuffled) arrive(other, voucher)
      const expected = maxMin(vouchers, bounds, hash)
      expect(contents(one)).toEqual(expected)
      expect(contents(other)).toEqual(expected)
    }), { numRuns: RUNS })
  }, 3_600_000)

  it('is the same when all arrive first and the victims go at the end', () => {
    fc.assert(fc.property(twoOrders, bounds, ([vouchers], bounds) => {
      const hash = testHash()
      const table = new NewTable({ hash, ...bounds })
      for (const voucher of vouchers) table.add(voucher)
      for (let victim = table.overflow(); victim != null; victim = table.overflow()) table.remove(victim)
      expect(contents(table)).toEqual(maxMin(vouchers, bounds, hash))
    }), { numRuns: RUNS / 10 })
  }, 3_600_000)

  it('keeps its books under adding, removing and forgetting peers: a plain set of names agrees', () => {
    const step = fc.tuple(fc.constantFrom('add', 'add', 'add', 'remove', 'removePeer', 'victim' as const), voucher)
    fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), steps => {
      const table = new NewTable({ hash: testHash(), capacity: 1_000 })
      const plain = new Map<string, Voucher>()
      for (const [kind, voucher] of steps) {
        if (kind === 'add') {
          expect(table.add(voucher)).toBe(!plain.has(nameOf(voucher)))
          plain.set(nameOf(voucher), voucher)
        } else if (kind === 'remove') {
          expect(table.remove(voucher)).toBe(plain.delete(nameOf(voucher)))
        } else if (kind === 'removePeer') {
          table.removePeer(voucher.id)
          for (const [name, { id }] of plain) if (id === voucher.id) plain.delete(name)
        } else {
          const victim = table.victim()
          expect(victim == null).toBe(plain.size === 0)
          if (victim != null) expect(plain.has(nameOf(victim))).toBe(true)
        }
        expect(table.size).toBe(plain.size)
        expect(table.peers).toBe(new Set([...plain.values()].map(({ id }) => id)).size)
        expect(table.has(voucher.id)).toBe([...plain.values()].some(({ id }) => id === voucher.id))
      }
      expect(contents(table)).toEqual([...plain.keys()].sort())
      const ofPeers = [...new Set([...plain.values()].map(({ id }) => id))].flatMap(id => [...table.vouchersOf(id)].map(nameOf))
      expect(ofPeers.sort()).toEqual([...plain.keys()].sort())
    }), { numRuns: RUNS / 10 })
  }, 3_600_000)

  it('would depend on the order if its capacity counted peers: why it counts vouchers', () => {
    // The owner takes victims until the number of *peers* fits. The last voucher is a second one of a peer that stays;
    // it displaces a peer of its group, and whoever went before for want of room does not come back.
    const differs = fc.check(fc.property(twoOrders, ([vouchers, shuffled]) => {
      const hash = testHash()
      const tables = [vouchers, shuffled].map(order => {
        const table = new NewTable({ hash, capacity: 1_000 })
        for (const voucher of order) {
          table.add(voucher)
          while (table.peers > 4) table.remove(table.victim() as Voucher)
        }
        return contents(table)
      })
      return tables[0]?.join() === tables[1]?.join()
    }), { numRuns: 2_000, seed: 1 })
    expect(differs.failed).toBe(true)
  })
})
