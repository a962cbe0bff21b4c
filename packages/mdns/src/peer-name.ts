/** The name we go by on the link. */
import { PEER_NAME_LENGTH } from './constants.ts'

/** As many as a byte holds eight times, so that each is as likely. RFC 4648 §6, in lower case. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * 160 random bits. From the secure generator: the name must not clash with anybody's, also not with that of a process
 * with the same seed, and must not say who we are to those who do not ask.
 *
 * @see https://github.com/libp2p/specs/blob/master/discovery/mdns.md#definitions
 */
export function randomPeerName (): string {
  const bytes = crypto.getRandomValues(new Uint8Array(PEER_NAME_LENGTH))
  return Array.from(bytes, byte => ALPHABET.charAt(byte % ALPHABET.length)).join('')
}
