/**
 * Remote text, made safe to show. `stripVTControlCharacters` leaves C1 controls, carriage returns, bidirectional
 * overrides and zero-width characters in place (security research F12), so this escapes everything of Unicode's
 * general category C and the two separators Zl and Zp.
 */
import { limits } from './limits.ts'

/** Controls, formats (bidi, zero-width, tags), surrogates, private use, unassigned, line and paragraph separator. */
const UNSAFE = /[\p{C}\u2028\u2029]/gu

export interface SafeTextOptions {
  /** @default {@link limits.safeTextGraphemes} */
  maxGraphemes?: number
}

/**
 * NFC, with unsafe code points written as `\u{hex}`, cut to 128 graphemes and 512 bytes with `…`. The result is one
 * line without any character of category C.
 */
export function safeText (text: unknown, { maxGraphemes = limits.safeTextGraphemes }: SafeTextOptions = {}): string {
  // Cut before normalising: a hostile megabyte must not cost a megabyte's work. Four code units hold any grapheme base.
  const raw = String(text)
  const head = raw.slice(0, 4 * limits.safeTextBytes).normalize('NFC')
  let result = ''
  let bytes = 0
  let graphemes = 0
  for (const { segment } of segmenter.segment(head)) {
    const safe = segment.replace(UNSAFE, char => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
    const size = encoder.encode(safe).length
    if (graphemes === maxGraphemes || bytes + size > limits.safeTextBytes) return `${result}…`
    result += safe
    bytes += size
    graphemes++
  }
  return head.length < raw.length ? `${result}…` : result
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const encoder = new TextEncoder()
