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
 * NFC, with unsafe code points written as `\u{hex}`, cut to 128 graphemes and 512 bytes, a closing `…` included. The
 * result is one line without any character of category C, and comes out unchanged when it is put in again.
 */
export function safeText (text: unknown, { maxGraphemes = limits.safeTextGraphemes }: SafeTextOptions = {}): string {
  // Cut before normalising: a hostile megabyte must not cost a megabyte's work. NFC makes at most four code units one
  // of two bytes or more, so what is cut here would not have been shown.
  const raw = String(text)
  const head = raw.slice(0, 4 * limits.safeTextBytes)
  // Escaped before it is counted: one override is eight characters on the screen.
  const safe = head.normalize('NFC').replace(UNSAFE, char => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  // Most texts are short, and a UTF-16 unit is at most one grapheme and three bytes.
  if (safe.length <= Math.min(maxGraphemes, limits.safeTextBytes / 3) && head.length === raw.length) return safe
  let bytes = 0
  let graphemes = 0
  let kept = 0 // UTF-16 length of the part that leaves room for the ellipsis
  for (const { segment, index } of segmenter.segment(safe)) {
    bytes += encoder.encode(segment).length
    graphemes++
    if (graphemes > maxGraphemes || bytes > limits.safeTextBytes) return `${safe.slice(0, kept)}…`
    if (graphemes < maxGraphemes && bytes + ELLIPSIS_BYTES <= limits.safeTextBytes) kept = index + segment.length
  }
  return head.length < raw.length ? `${safe.slice(0, kept)}…` : safe
}

const ELLIPSIS_BYTES = 3

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const encoder = new TextEncoder()
