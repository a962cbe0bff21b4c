import { keyedHash, limits, virtualClock, type Claim, type VirtualClock, type Withdrawal } from '@peerweave/interface'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { SourceTable } from '../src/source-table.ts'
import { peer } from './support.ts'
import type { PeerId } from '@libp2p/interface'

const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 2_000 : 200
const MOST = 4

let ids: PeerId[]
let sources: PeerId[]
beforeAll(async () => {
  ids = await Promise.all(Array.from({ length: 16 }, (_, i) => peer(i + 1)))
  sources = await Promise.all([101, 102, 103].map(peer))
})

const source = (number: number): PeerId => sources[number] as PeerId
const claimOf = (id: number, via: number, ttl: number = 1_200_000): Claim => ({ kind: 'claim', peerId: ids[id] as PeerId, multiaddrs: [], ttl, reporter: { peer: source(via) } })

interface Table {
  table: SourceTable
  clock: VirtualClock
  /** What a reader of the sightings believes, `<source> <id>`. */
  believed: Set<string>
  say: (via: number, id: number) => boolean
  ofSource: (via: number) => string[]
}

function create (maxPeers: number = MOST): Table {
  const clock = virtualClock()
  const table = new SourceTable({ clock, maxPeers, hash: keyedHash(new Uint8Array(8)) })
  const believed = new Set<string>()
  return {
    table,
    clock,
    believed,
    say (via, id) {
      const { isMade, withdrawn } = table.add(source(via), claimOf(id, via))
      withdraw(believed, withdrawn)
      if (isMade) believed.add(`${source(via)} ${ids[id]}`)
      return isMade
    },
    ofSource: via => [...believed].filter(key => key.startsWith(`${source(via)}`)).sort()
  }
}

/** Nothing may be taken back that was not said. */
function withdraw (believed: Set<string>, withdrawn: readonly Withdrawal[]): void {
  for (const { peerId, reporter } of withdrawn) expect(believed.delete(`${reporter?.peer} ${peerId}`)).toBe(true)
}

const says = fc.array(fc.record({ via: fc.nat(2), id: fc.nat(15) }), { maxLength: 80 })

describe('what sources make us claim', () => {
  it('is at most maxPeers of each, and all that it says while that is fewer', () => {
    fc.assert(fc.property(says, list => {
      const { say, ofSource } = create()
      const said = [new Set<number>(), new Set<number>(), new Set<number>()]
      for (const { via, id } of list) {
        say(via, id)
        said[via]?.add(id)
        expect(ofSource(via)).toHaveLength(Math.min(MOST, said[via]?.size ?? 0))
      }
    }), { numRuns })
  })

  it('does not depend on what the other sources say', () => {
    fc.assert(fc.property(says, list => {
      const [together, alone] = [create(), create()]
      for (const { via, id } of list) {
        together.say(via, id)
        if (via === 0) alone.say(via, id)
      }
      expect(together.ofSource(0)).toEqual(alone.ofSource(0))
    }), { numRuns })
  })

  it('does not depend on the order in which a source says it', () => {
    fc.assert(fc.property(says, fc.nat(), (list, turn) => {
      const [once, again] = [create(), create()]
      const other = list.toSorted((a, b) => ((a.id * 7 + turn) % 16) - ((b.id * 7 + turn) % 16))
      for (const { via, id } of list) once.say(via, id)
      for (const { via, id } of other) again.say(via, id)
      expect([...once.believed].sort()).toEqual([...again.believed].sort())
    }), { numRuns })
  })

  it('is taken back of every source when the peer goes, and of nobody else', () => {
    fc.assert(fc.property(says, fc.nat(15), (list, gone) => {
      const { say, believed, table } = create()
      for (const { via, id } of list) say(via, id)
      const others = [...believed].filter(key => !key.endsWith(` ${ids[gone]}`))
      withdraw(believed, table.forget(ids[gone] as PeerId))
      expect([...believed]).toEqual(others)
      expect(table.forget(ids[gone] as PeerId)).toEqual([])
    }), { numRuns })
  })

  it('that has run out makes room before what stands', async () => {
    const { table, clock } = create(2)
    table.add(source(0), claimOf(1, 0, 1_000))
    table.add(source(0), claimOf(2, 0, 1_000))
    await clock.advance(1_000)
    for (const id of [3, 4]) expect(table.add(source(0), claimOf(id, 0))).toEqual({ isMade: true, withdrawn: [] })
  })

  it('is tracked of n sources; of one more, the one unheard for longest is forgotten and nothing of it taken back', async () => {
    const { table } = create()
    const many = await Promise.all(Array.from({ length: limits.gossipSources }, (_, i) => peer(10_000 + i)))
    for (const via of many) table.add(via, claimOf(1, 0))
    expect(table.forget(ids[1] as PeerId)).toHaveLength(limits.gossipSources)
    for (const via of [...many, source(1)]) table.add(via, claimOf(2, 0))
    expect(table.forget(ids[2] as PeerId)).toHaveLength(limits.gossipSources)
  })
})

describe('how often a source may hand us announcements', () => {
  const taken = (table: SourceTable, via: number, tries: number): number => {
    return Array.from({ length: tries }, () => table.mayAnnounce(source(via))).filter(Boolean).length
  }

  it('is a burst, then so many a minute, whatever the others do', async () => {
    const { table, clock } = create()
    expect(taken(table, 0, 1_000)).toBe(limits.unsolicitedBurst)
    expect(taken(table, 1, 1)).toBe(1)
    await clock.advance(60_000)
    expect(taken(table, 0, 1_000)).toBe(limits.unsolicitedPerMinute)
    await clock.advance(3_600_000)
    expect(taken(table, 0, 1_000)).toBe(limits.unsolicitedBurst)
  })
})
