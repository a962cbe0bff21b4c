import { createHmac } from 'node:crypto'
import { DnsError } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verifyAnswer, type TsigKey } from '../../src/write/tsig.ts'
import { encodeUpdate } from '../../src/write/update.ts'
import { encodeName, encodeRecord, uint16, uint32, uint48 } from '../../src/write/wire.ts'

const numRuns = { ci: 5_000, long: 250_000 }[process.env.PEERWEAVE_TIER ?? ''] ?? 1_000
const KEY: TsigKey = { name: 'key.example', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 7) }
const NOW = 1_800_000_000

const MAC = Buffer.alloc(32, 3)

/** What a server sends back: signed together with the MAC of the request. RFC 8945 §5.3. */
function answer (mac: Uint8Array = MAC, time = NOW): Buffer {
  const message = encodeUpdate({ id: 7, zone: 'example.test', changes: [{ kind: 'delete-set', name: 'a.example.test', type: 'TXT' }] })
  const variables = [
    encodeName(KEY.name), uint16(255), uint32(0), encodeName(KEY.algorithm), uint48(time), uint16(300), uint16(0), uint16(0)
  ]
  const hmac = createHmac('sha256', KEY.secret)
  for (const bytes of [uint16(mac.length), mac, message, ...variables]) hmac.update(bytes)
  const data = Buffer.concat([encodeName(KEY.algorithm), uint48(time), uint16(300), uint16(32), hmac.digest(), uint16(7), uint16(0), uint16(0)])
  const signed = Buffer.concat([message, encodeRecord(KEY.name, 250, 255, 0, data)])
  signed.writeUInt16BE(1, 10)
  return signed
}

function judge (bytes: Uint8Array): 'believed' | 'refused' {
  try {
    verifyAnswer(bytes, KEY, MAC, NOW)
    return 'believed'
  } catch (error) {
    // Whatever came: one class of error, that says why.
    expect(error).toBeInstanceOf(DnsError)
    return 'refused'
  }
}

describe('an answer that claims to be signed', { timeout: 600_000 }, () => {
  it('is believed when it is, and its clock is near ours', () => {
    expect(judge(answer())).toBe('believed')
    expect([judge(answer(MAC, NOW - 300)), judge(answer(MAC, NOW + 300))]).toEqual(['believed', 'believed'])
    expect([judge(answer(MAC, NOW - 301)), judge(answer(MAC, NOW + 301))]).toEqual(['refused', 'refused'])
  })

  it('is refused whatever bytes it is', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => { expect(judge(bytes)).toBe('refused') }), { numRuns })
  })

  it('is refused when any byte of it is another, or some are missing', () => {
    const whole = answer()
    const [name, algorithm] = [encodeName(KEY.name).length, encodeName(KEY.algorithm).length]
    const algorithmAt = whole.length - 6 - 32 - 10 - algorithm
    const nameAt = algorithmAt - 10 - name
    const isInName = (at: number): boolean => (at >= nameAt && at < nameAt + name) || (at >= algorithmAt && at < algorithmAt + algorithm)
    // The first two are its id, which a proxy may have changed (RFC 8945 §5.3); the names are compared without regard to case.
    fc.assert(fc.property(fc.integer({ min: 2, max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), fc.option(fc.nat(whole.length - 1)), (at, change, cut) => {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= change
      const isSameName = change === 0x20 && isInName(at) && Buffer.from([whole[at]!]).toString().match(/[a-z]/i) != null
      expect(judge(cut == null ? bytes : bytes.subarray(0, cut))).toBe(isSameName && cut == null ? 'believed' : 'refused')
    }), { numRuns, examples: whole.toJSON().data.slice(2).flatMap((_, at): Array<[number, number, null]> => [[at + 2, 0x01, null], [at + 2, 0x20, null]]) })
  })

  it('is not believed for being the answer to another request', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), mac => {
      expect(judge(answer(mac))).toBe('refused')
    }), { numRuns: 50 })
  })
})
