/**
 * What a TXT record in a zone says of a peer: what {@link readPeerText} reads, and `expires=`, Unix seconds after which the
 * record is to be taken for left behind. A zone keeps what a dead peer wrote.
 */
import { lowerName, readPeerText, type DropCounter, type Faults, type PeerText } from '@peerweave/interface'

export interface DnsText extends PeerText {
  /** How long it may be believed from now on, ms, greater than 0; `Infinity` when it does not say. */
  ttl: number
}

/** Clocks differ: a record is believed this much past its end, ms. Chosen: TSIG's fudge, RFC 8945 §10. */
export const CLOCK_SKEW = 300_000

const EXPIRES = 'expires='
/** Unix seconds up to the year 5138. */
const SECONDS = /^\d{1,11}$/

const latin1 = new TextDecoder('latin1')

/**
 * `undefined` when it is refused as a whole: as readPeerText says, or `expired`. `bad-text` counts an end that is no
 * number, which is then left out.
 *
 * @param wall - wall-clock ms
 */
export function readDnsText (strings: readonly Uint8Array[], wall: number, drop: DropCounter, faults?: Faults): DnsText | undefined {
  const others: Uint8Array[] = []
  let expires: string | undefined
  for (const string of strings) {
    const start = lowerName(latin1.decode(string.subarray(0, EXPIRES.length)))
    // RFC 6763 §6.4: the first of several equal keys counts.
    if (start === EXPIRES) expires ??= latin1.decode(string.subarray(EXPIRES.length))
    else others.push(string)
  }
  let ttl = Infinity
  if (expires != null) {
    if (SECONDS.test(expires)) ttl = Number(expires) * 1_000 + CLOCK_SKEW - wall
    else drop('bad-text')
  }
  if (ttl <= 0) {
    drop('expired')
    return
  }
  const text = readPeerText(others, drop, faults)
  return text == null ? undefined : { ...text, ttl }
}
