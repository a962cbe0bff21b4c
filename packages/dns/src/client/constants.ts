/** The numbers of the client, with unit and source. Times are milliseconds. */

/** Of a name server. RFC 1035 §4.2. */
export const PORT = 53
/** Octets of a DNS header. RFC 1035 §4.1.1. */
export const HEADER_BYTES = 12
/** What the two length bytes of TCP can say. RFC 1035 §4.2.2. */
export const MAX_MESSAGE_BYTES = 65_535
/** Characters of a name without the dot at the end: 255 octets on the wire. RFC 1035 §2.3.4. */
export const MAX_NAME = 253
/** Octets of a label. RFC 1035 §2.3.4. */
export const MAX_LABEL = 63
/**
 * Pointers followed in one name. RFC 1035 §4.1.4 has no bound; a name has at most 127 labels, and a pointer saves nothing
 * unless a label stands before it.
 */
export const MAX_POINTERS = 128
/**
 * The longest answer over UDP that we ask for: it crosses every IPv6 link unfragmented, and fragments can be forged. RFC
 * 9715 §3.1 and DNS flag day 2020.
 */
export const UDP_PAYLOAD = 1_232

/** One look-up, with all servers that it takes. Chosen: half of a mechanism's round, so that another can follow. */
export const TIMEOUT = 5_000
/** The longest that a user may set. */
export const MAX_TIMEOUT_OPTION = 60_000
/**
 * A question over UDP without an answer is sent again after this, then after twice that … Chosen: most resolvers answer
 * from the network within it, and one lost packet costs no more than this. c-ares waits 2 s.
 */
export const RESEND_AFTER = 400
/** The time between two copies of a question grows by this. RFC 1035 §4.2.1 wants a back-off. */
export const RESEND_FACTOR = 2

/**
 * Sockets for one server. Chosen: each has a random port and each question a random id, so that a forger who cannot see
 * the question must guess the one and the other (RFC 5452 §4.5, §9.2), 16 × 65,536 even if he has found all ports open.
 */
export const POOL_SOCKETS = 16
/** A socket is replaced after so many questions … Chosen: opening one costs about as much as one look-up. */
export const SOCKET_QUERIES = 256
/** … or this long after it was opened, so that ports that were found are soon worth nothing. Chosen. */
export const SOCKET_AGE = 10_000

/** How long what the system says of its servers is believed: one look reads a file, 20 µs. Chosen. */
export const SERVERS_AGE = 5_000
/** So long the server that answered is asked first, then the user's first one again: it may know names that others do not. Chosen. */
export const LAST_GOOD_FOR = 30_000
