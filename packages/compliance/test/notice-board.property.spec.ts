import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseNotice } from '../src/notice-board.ts'

const part = fc.oneof(fc.anything(), fc.string(), fc.double(), fc.array(fc.oneof(fc.string(), fc.constant('/ip4/192.0.2.1/tcp/4001'))))
const known = fc.constant('12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5')

it('whatever hangs on the board is a sound claim or nothing', () => {
  fc.assert(fc.property(fc.oneof(fc.anything(), fc.record({ id: fc.oneof(known, part), addresses: part, ttl: part })), notice => {
    const claim = parseNotice(notice)
    if (claim == null) return
    expect(claim.ttl > 0 && Number.isFinite(claim.ttl)).toBe(true)
    expect(claim.multiaddrs.length).toBeLessThanOrEqual(16)
  }))
})
