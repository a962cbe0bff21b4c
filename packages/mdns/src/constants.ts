/**
 * Defaults, and numbers of the specifications that more than one file needs, with unit and source; what one alone needs
 * stands there. Times are milliseconds.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6762 Multicast DNS
 * @see https://github.com/libp2p/specs/blob/master/discovery/mdns.md Multicast DNS discovery of libp2p
 */

/** The mDNS group. RFC 6762 §3. */
export const GROUP = '224.0.0.251'
/** The same over IPv6, on one link. */
export const GROUP6 = 'ff02::fb'
/** RFC 6762 §3. */
export const PORT = 5353
/** The libp2p spec's service name. */
export const SERVICE_TAG = '_p2p._udp.local'
/** IP time to live of what we send: a receiver may check that it never crossed a router. RFC 6762 §11. */
export const HOPS = 255
/** How long others may believe our answer: what every libp2p implementation sends. */
export const TTL = 120_000
/**
 * The longest that another's answer is believed, whatever it says: RFC 6762 §10 recommends 75 minutes for records like
 * these, and whoever is gone without a goodbye should not be reported for two days. Refreshed like any other.
 */
export const MAX_TTL = 4_500_000
/** How long a round listens for answers. Chosen: a responder may wait 120 ms, or 1 s after its last answer. */
export const QUERY_WINDOW = 1_000
/** Characters of a random peer name. The libp2p spec: 32 to 63. */
export const PEER_NAME_LENGTH = 32

/** An answer with shared records waits `ANSWER_DELAY + [0, ANSWER_SPREAD)`, so that responders do not collide. RFC 6762 §6. */
export const ANSWER_DELAY = 20
export const ANSWER_SPREAD = 100
/** The same record is not multicast again within this. RFC 6762 §6. */
export const ANSWER_INTERVAL = 1_000
/**
 * Unsolicited responses when records are new or changed. RFC 6762 §8.3: two to eight … Three, so that a link that loses
 * every third packet keeps us from one host in forty, not one in ten, until it asks.
 */
export const ANNOUNCEMENTS = 3
/** … the first two one second apart, each further one after twice the time. */
export const ANNOUNCE_INTERVAL = 1_000
/** Who probes for a name of ours is told so however lately we spoke, at most once in this. RFC 6762 §6. */
export const DEFENCE_INTERVAL = 250
/** What was multicast within this share of its TTL is unicast to whoever asks for that. RFC 6762 §5.4. */
export const UNICAST_SHARE = 0.25
/** A question whose known answers go on in another packet waits `KNOWN_ANSWERS_DELAY + [0, KNOWN_ANSWERS_SPREAD)`. RFC 6762 §7.2. */
export const KNOWN_ANSWERS_DELAY = 400
export const KNOWN_ANSWERS_SPREAD = 100
/**
 * What a newcomer was told is repeated after `REPEAT_DELAY + [0, REPEAT_SPREAD)`, unless it lists us by then. Chosen: its
 * second question comes 1,020 to 1,142 ms after it appeared.
 */
export const REPEAT_DELAY = 1_200
export const REPEAT_SPREAD = 100
/** Newcomers that we answer before they ask: so many at once … Chosen: a room that is switched on. */
export const GREETINGS = 64
/** … and then so many a second; the others ask. */
export const GREETINGS_PER_SECOND = 1

/** Probes for a name before it is ours, RFC 6762 §8.1 … */
export const PROBES = 3
/** … one after `[0, PROBE_INTERVAL)`, each further one after another, and as long for the last answer. */
export const PROBE_INTERVAL = 250
/** Whoever loses to another that probes for the same name waits this, then probes again. RFC 6762 §8.2. */
export const PROBE_DEFER = 1_000
/** So many conflicts … */
export const CONFLICTS = 15
/** … within this … */
export const CONFLICTS_WITHIN = 10_000
/** … make every further probing wait this first. RFC 6762 §8.1. */
export const CONFLICT_PAUSE = 5_000

/** The first query waits `QUERY_DELAY + [0, QUERY_SPREAD)`: after a power cut everyone starts at once. RFC 6762 §5.2. */
export const QUERY_DELAY = 20
export const QUERY_SPREAD = 100
/** Between the first two queries; it grows by the factor up to the maximum. RFC 6762 §5.2: ≥ 1 s, ≥ 2, 60 minutes. */
export const QUERY_INTERVAL = 1_000
export const QUERY_INTERVAL_FACTOR = 2
export const QUERY_INTERVAL_MAX = 3_600_000
/** Packets that ask for single records of services: so many at once … Chosen: a link full of services that answer with a PTR alone. */
export const DETAILS = 64
/** … and then so many a second. */
export const DETAILS_PER_SECOND = 8

/** Shares of its TTL at which a record that is about to lapse is asked for again. RFC 6762 §5.2. */
export const REFRESH_AT: readonly number[] = [0.8, 0.85, 0.9, 0.95]
/** Random share of the TTL added to each, so that a group of queriers does not ask in step. RFC 6762 §5.2. */
export const REFRESH_JITTER = 0.02
/** A record said goodbye to stays this long, in case somebody else still has it. RFC 6762 §10.1. */
export const GOODBYE_DELAY = 1_000
/** The same words again within this are no news. */
export const NEWS_INTERVAL = 1_000

/** How often the machine's interfaces are looked at: nothing tells of a change. One look costs about 40 µs. Chosen. */
export const INTERFACE_INTERVAL = 2_000
/** A link that cannot be opened is tried again after one look, then two, four …, at most this. Chosen. */
export const LINK_RETRY_MAX = 60_000
