import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Interest } from '../src/interest.ts'
import { query } from './support.ts'

function asking (name: string): Buffer {
  return query({ questions: [{ name, type: 'PTR' }] })
}

describe('interest', () => {
  it('finds each of its labels, wherever it is in a name, in either case, and no part of one', () => {
    const interest = new Interest(['_p2p', '_Services', 'köln'])
    for (const name of ['_p2p._udp.local', 'a._P2P._udp.local', '_services._dns-sd._udp.local', '_SERVICES.local', 'KöLN.local']) {
      expect([name, interest.concerns(asking(name))]).toEqual([name, true])
    }
    for (const name of ['_udp.local', '_p2px.local', 'x_p2p.local', '_service.local', '_p2p-.local', '_p2.p.local', 'KÖLN.local']) {
      expect([name, interest.concerns(asking(name))]).toEqual([name, false])
    }
  })

  it('forgets a label and keeps those that begin like it', () => {
    const interest = new Interest(['abcd', 'abce', 'abc'])
    interest.delete('ABCD')
    interest.delete('never')
    expect(['abcd', 'abce', 'abc'].map(label => interest.concerns(asking(`${label}.local`)))).toEqual([false, true, true])
    interest.delete('abce')
    interest.delete('abc')
    expect(['abcd', 'abce', 'abc'].map(label => interest.concerns(asking(`${label}.local`)))).toEqual([false, false, false])
    interest.add('abcd')
    expect(interest.concerns(asking('abcd.local'))).toBe(true)
  })

  it('takes no label that no packet can have', () => {
    const interest = new Interest(['', 'x'.repeat(64), 'x'.repeat(256), 'x'.repeat(257)])
    expect(interest.concerns(asking('local'))).toBe(false)
    expect(interest.concerns(Buffer.alloc(9_000))).toBe(false)
    for (const length of [64, 0, 1]) expect(interest.concerns(Buffer.alloc(400, 'x').fill(length, 12, 13))).toBe(false)
    expect(new Interest(['x'.repeat(63)]).concerns(asking(`${'x'.repeat(63)}.local`))).toBe(true)
  })

  it('looks neither into the header nor beyond the end', () => {
    const interest = new Interest(['abc'])
    const spelt = Buffer.from('\u0003abc')
    expect(interest.concerns(Buffer.concat([Buffer.alloc(12), spelt]))).toBe(true)
    expect(interest.concerns(Buffer.concat([Buffer.alloc(11), spelt]))).toBe(false)
    expect(interest.concerns(Buffer.concat([Buffer.alloc(12), spelt.subarray(0, 3)]))).toBe(false)
    expect(interest.concerns(Buffer.alloc(0))).toBe(false)
  })

  it('does not take long to tell, whatever labels others have and send', () => {
    // "?" is 63: at each byte begins what could be one of these, up to its last four.
    const labels = Array.from({ length: 1_000 }, (_, i) => '?'.repeat(59) + String(i).padStart(4, '0'))
    const interest = new Interest(['_p2p', ...labels])
    expect(interest.concerns(Buffer.alloc(9_000, '?'))).toBe(true)
    // Whoever sends what only looks a little like it is not taken for that.
    expect(interest.concerns(Buffer.alloc(9_000, '\u0004_p2'))).toBe(false)
    expect(interest.concerns(Buffer.concat([Buffer.alloc(1_000), Buffer.from(labels[0]!.slice(0, -1))]))).toBe(false)
  })

  it('says what a search for each label by itself says', () => {
    const label = fc.string({ unit: fc.constantFrom('a', 'B', 'b', '\u0001', '\u0002'), maxLength: 4 })
    const change = fc.record({ label, isAdded: fc.boolean() })
    // Bytes that are often lengths of labels, and of labels that are.
    const byte = fc.constantFrom(1, 2, 3, 0x41, 0x61, 0x62, 0x42)
    const packet = fc.array(byte, { maxLength: 40 }).map(bytes => Uint8Array.from([...Buffer.alloc(12), ...bytes]))
    fc.assert(fc.property(fc.array(change, { maxLength: 20 }), fc.array(packet, { maxLength: 10 }), (changes, packets) => {
      const interest = new Interest()
      const labels = new Set<string>()
      for (const { label, isAdded } of changes) {
        interest[isAdded ? 'add' : 'delete'](label)
        labels[isAdded ? 'add' : 'delete'](label.toLowerCase())
      }
      for (const packet of packets) {
        const text = Buffer.from(packet.subarray(12)).toString('latin1').toLowerCase()
        const expected = [...labels].some(label => label !== '' && text.includes(String.fromCharCode(label.length) + label))
        expect(interest.concerns(packet)).toBe(expected)
      }
    }))
  })
})
