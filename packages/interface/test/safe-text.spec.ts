import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '../src/limits.ts'
import { safeText } from '../src/safe-text.ts'

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const graphemes = (text: string): number => [...segmenter.segment(text)].length
const bytes = (text: string): number => new TextEncoder().encode(text).length

function expectSafe (text: string): void {
  expect(text).toMatch(/^[\P{C}]*$/u)
  expect(text).not.toMatch(/[\u2028\u2029]/)
  expect(graphemes(text)).toBeLessThanOrEqual(limits.safeTextGraphemes)
  expect(bytes(text)).toBeLessThanOrEqual(limits.safeTextBytes)
  expect(text.normalize('NFC')).toBe(text)
  expect(safeText(text)).toBe(text)
}

/** Where a text in any encoding, normalisation or script is most likely to break something. */
const nastyUnit = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.integer({ min: 0xd800, max: 0xdfff }).map(unit => String.fromCharCode(unit)),
  fc.constantFrom(
    '\u001b', '\u0000', '\r', '\n', '\u009d', '\u200b', '\u200d', '\u202e', '\u2066', '\u2028', '\u0301', '\u0338', '\u1100', '\u1161', '\u11a8',
    '\u0d4e', '\u0600', '\u0e33', '🇩', '👩', '👍🏽', 'é', 'e\u0301', '…', '\\u{1b}', '\ufeff', '\u{e0001}', '\u{10ffff}'
  )
)
const nastyText = fc.oneof(
  fc.array(nastyUnit, { maxLength: 40 }).map(units => units.join('')),
  // Long enough to be cut, at any offset within what repeats.
  fc.tuple(fc.array(nastyUnit, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 600 }), fc.array(nastyUnit, { maxLength: 5 }))
    .map(([units, count, start]) => start.join('') + units.join('').repeat(count))
)

describe('safeText', () => {
  it('leaves text alone that is safe and short, in any script', () => {
    for (const text of ['', 'peerweave/0.1.0', 'Zürich', 'Ελλάδα', 'עברית', '日本語', '한국어', 'नमस्ते', '👍🏽 🇩🇪', 'a\u00a0b']) {
      expect(safeText(text)).toBe(text)
    }
  })

  it('escapes every code point of category C and both separators, and no other', () => {
    // Eleven at a time, escaped and with a bar between, just fit into 128 graphemes.
    const wrong: string[] = []
    for (let code = 0; code <= 0x10ffff; code += 11) {
      const chars = Array.from({ length: Math.min(11, 0x110000 - code) }, (_, i) => String.fromCodePoint(code + i))
      const expected = chars.map(char => /[\p{C}\p{Zl}\p{Zp}]/u.test(char) ? `\\u{${char.codePointAt(0)?.toString(16)}}` : char.normalize('NFC'))
      if (safeText(chars.join('|')) !== expected.join('|')) wrong.push(code.toString(16))
    }
    expect(wrong).toEqual([])
  })

  it.each([
    ['\u001b]52;c;cm0gLXJm\u0007', '\\u{1b}]52;c;cm0gLXJm\\u{7}', 'OSC 52 writes the clipboard'],
    ['\u009d8;;http://x\u009c', '\\u{9d}8;;http://x\\u{9c}', 'C1 OSC, which stripVTControlCharacters leaves'],
    ['\u001b[6n', '\\u{1b}[6n', 'DSR makes the terminal type'],
    ['\u0090q\u009c', '\\u{90}q\\u{9c}', 'DCS'],
    ['good\rbad', 'good\\u{d}bad', 'a carriage return overwrites the line'],
    ['good\b\b\b\bbad', 'good\\u{8}\\u{8}\\u{8}\\u{8}bad', 'so does a backspace'],
    ['a\nERROR b', 'a\\u{a}ERROR b', 'a line of its own in the log'],
    ['abc\u202Etxt.exe', 'abc\\u{202e}txt.exe', 'right-to-left override'],
    ['pay\u200bpal', 'pay\\u{200b}pal', 'zero-width space'],
    ['\u{e0041}', '\\u{e0041}', 'a tag character'],
    ['\ud800', '\\u{d800}', 'a high surrogate alone'],
    ['\udc00a', '\\u{dc00}a', 'a low surrogate alone'],
    ['a\udc00\ud800', 'a\\u{dc00}\\u{d800}', 'surrogates the wrong way round'],
    ['e\u0301', 'é', 'composed'],
    ['\u0000', '\\u{0}', 'NUL']
  ])('shows %j as %s: %s', (text, expected) => {
    expect(safeText(text)).toBe(expected)
  })

  it('is safe, bounded, composed and idempotent for any text', () => {
    fc.assert(fc.property(nastyText, text => expectSafe(safeText(text))), { numRuns: 500 })
  })

  it('gives text that needs no change back unchanged', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme-composite', maxLength: 40 }), text => {
      const composed = text.normalize('NFC')
      fc.pre(!/[\p{C}\p{Zl}\p{Zp}]/u.test(composed) && bytes(composed) <= limits.safeTextBytes)
      expect(safeText(text)).toBe(composed)
    }))
  })

  it.each([-1, 0, 1])('cuts at 128 graphemes (here 128 + %d)', offset => {
    const text = 'é'.repeat(128 + offset)
    expect(safeText(text)).toBe(offset > 0 ? `${'é'.repeat(127)}…` : text)
  })

  it.each([-1, 0, 1])('cuts at 512 bytes (here 512 + %d)', offset => {
    // Eight bytes a grapheme, so that this bound is the first.
    const text = '👍🏽'.repeat(63) + 'x'.repeat(8 + offset)
    expect(bytes(text)).toBe(512 + offset)
    expect(safeText(text)).toBe(offset > 0 ? `${'👍🏽'.repeat(63)}xxxxx…` : text)
  })

  it('counts what is shown: an escaped control is as long as its escape', () => {
    expect(safeText('\u202E'.repeat(200))).toBe(`${'\\u{202e}'.repeat(15)}\\u{202e…`)
  })

  it('cuts between graphemes, never within one', () => {
    const family = '👍🏽'
    expect(safeText(family.repeat(200))).toBe(`${family.repeat(63)}…`)
  })

  it('shows nothing of one grapheme with a flood of combining marks', () => {
    expect(safeText(`Z${'\u0335\u0348\u033b'.repeat(100_000)}`)).toBe('…')
    expect(safeText(`ok Z${'\u0335'.repeat(100_000)}`)).toBe('ok …')
  })

  it('takes a smaller bound', () => {
    expect(safeText('abcdef', { maxGraphemes: 4 })).toBe('abc…')
    expect(safeText('abcd', { maxGraphemes: 4 })).toBe('abcd')
  })

  it.each([undefined, null, 42, 7n, Symbol('s'), ['a', '\u001b'], new Error('x')])('takes anything that has a string form (%#)', value => {
    expectSafe(safeText(value))
  })

  it('does no more work for a megabyte than for what it shows', () => {
    const cost = (text: string): number => {
      const started = performance.now()
      for (let i = 0; i < 50; i++) safeText(text)
      return performance.now() - started
    }
    // A hundred marks each: what normalising and cutting into graphemes is slowest at.
    const flood = (length: number): string => `a${'\u0301\u0323'.repeat(50)}`.repeat(Math.ceil(length / 101))
    cost(flood(4_096)) // warm
    const [short, long] = [cost(flood(4_096)), cost(flood(1_000_000))]
    // 250 times the text; the fixed part and a busy machine may not turn that into more than a few times.
    expect(long).toBeLessThan(20 * short + 50)
  })
})
