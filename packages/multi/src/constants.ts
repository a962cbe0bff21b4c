/** Every default of `multi`. Times are milliseconds. */
import type { LifecycleHook } from '@peerweave/interface'

/** libp2p's hooks in their order. */
export const LIFECYCLE: Readonly<Record<'up' | 'down', readonly LifecycleHook[]>> = {
  up: ['beforeStart', 'start', 'afterStart'], down: ['beforeStop', 'stop', 'afterStop']
}

/** How often every mechanism is asked anew (document 004). */
export const INTERVAL = 60_000

/** How far each interval is spread, so that nodes started together do not ask together. */
export const INTERVAL_JITTER = 0.2

/** Sightings taken of one mechanism and round (document 004). */
export const MAX_PEERS_PER_ROUND = 50

/**
 * How long `start` waits for its mechanisms. Chosen: a socket opens in milliseconds; a mechanism that needs longer goes
 * on starting, and the node does not wait for it.
 */
export const START_PATIENCE = 1_000

/** How long `discover` looks for peers when nothing else was said. */
export const DISCOVER_DEADLINE = 10_000

/** Mechanism back-off after a failed round: full jitter from `base`, doubling to `cap`. */
export const ROUND_BACKOFF: { base: number, cap: number } = { base: 1_000, cap: 30_000 }

/** Own addresses change several times while a node starts; one announcement is enough for all. */
export const ANNOUNCE_DEBOUNCE = 100

/** An announcement is renewed when this part of its granted TTL has passed. */
export const RENEW_AT: number = 7 / 8

/** How long an announcement that failed waits for the next try. */
export const ANNOUNCE_RETRY = 30_000

/** Connections to peers of an earlier run, sought after a start. Half of the first eight (ledger research §B). */
export const WARM_CONNECTIONS = 4

/** How long they are sought. Chosen: three rounds of dials that time out. */
export const WARM_TIME = 30_000

/** Peers of each kind that are dialled on hearsay, when nobody proven answers and we are alone. Chosen. */
export const WARM_HEARSAY = 16

/** Peers drawn of each table for those who ask which ones we know; the rest stay unsaid for {@link DRAWN_FOR}. Chosen: four answers' worth. */
export const DRAWN_PEERS = 128

/** For how long the same ones are drawn. Chosen. */
export const DRAWN_FOR = 1_000

/** How long an announcement at a memory hub stands. */
export const MEMORY_TTL = 60_000

/** How long the word of a wrapped libp2p module stands: it never says so itself. As mDNS records do (RFC 6762 §10). */
export const MODULE_TTL = 120_000

/** Others may write to the store too, so what has expired is looked for this often at least. */
export const EXPIRE_AT_LEAST_EVERY = 60_000

/** How long a source whose turn it is may speak while others have something to say. go-ethereum's own is 100 ms; chosen: a look-up on a LAN. */
export const MIX_PATIENCE = 20

/** Part of the latest round in what a mechanism is expected to bring. Chosen: ten rounds remember. */
export const YIELD_MEMORY = 0.2

/** What a mechanism is expected to bring before it was asked: more than most do, so that each is tried. Chosen. */
export const YIELD_PRIOR = 20

/**
 * What a round of it costs the network, beside one of bootstrap's. Bytes that a newcomer sends and receives in its first
 * 30 s (`bench -- mechanisms/cost`, rounded); mDNS and DNS send a handful of packets.
 */
export const COST: ReadonlyMap<string, number> = new Map([['bootstrap', 1], ['mdns', 1], ['dns', 1], ['gossip', 3], ['dht', 25]])

/** How long the first mechanism is waited for that was never asked before. Chosen: a round trip across the world. */
export const FIRST_HEDGE = 200

/** As above, of one that was: twice its usual time within these bounds. Chosen. */
export const HEDGE_MIN = 20
export const HEDGE_MAX = 1_000

/** By how much the interval of a mechanism grows with each round that brings nobody new … */
export const STRETCH = 1.5

/** … up to this: the documents' refresh interval of 300 s beside their discovery interval of 60 s. */
export const STRETCH_MAX = 5

/** A call into a mechanism that holds the event loop for longer is named in its status, ms. Chosen: a frame of what people watch is 16 ms. */
export const BLOCKED = 50

/** Peers given as the closest to a key, where no mechanism routes: Kademlia's k. */
export const CLOSEST_PEERS = 20

/** How long a peer is believed to be there on others' word alone, whatever TTL they say (document 004). */
export const PEER_TIMEOUT = 600_000

/** For how long a contact of ours confirms what others say of a peer. Chosen: peers come and go by the day. */
export const CONFIRMED_FOR = 86_400_000

/** How often peers that are about to expire are looked for again (document 004). */
export const REFRESH_INTERVAL = 300_000

/** Peers that are looked for again at a time. Chosen: as many as one round may bring. */
export const REFRESHED = 50

/** `withBackoff`: full jitter from `base`, doubling to `cap`. Chosen: what is down is asked as often as what is up. */
export const BACKOFF: { base: number, cap: number } = { base: 1_000, cap: INTERVAL }

/** `withCache`: how long an answer stands. Chosen: half of {@link INTERVAL}, so that rounds at that interval are real ones. */
export const CACHE_TTL: number = INTERVAL / 2

/** Declarative configuration: peers kept, and connections from others and to others (document 004). */
export const MAX_PEERS = 100
export const MAX_INBOUND = 50
export const MAX_OUTBOUND = 50

/** Upper bounds of a round's duration in its histogram, in seconds. Chosen: a packet on a LAN to a round's deadline. */
export const ROUND_BUCKETS: readonly number[] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

// — liveness —

/**
 * Between two probes of a peer of which nothing else is heard. With {@link PEER_STALL} and {@link DEATH_MARGIN} it bounds
 * how long a crash goes unnoticed: 2.31 + 5.6 s are under 8 s.
 */
export const PROBE_INTERVAL = 2_200

/** How far each interval is spread, so that nodes do not probe in step. */
export const PROBE_JITTER = 0.05

/**
 * Probes a second, of all peers together; with more peers each is probed less often. Chosen: the CPU of a ping over libp2p,
 * measured 0.2–0.5 ms on two cores of 2020, times this stays under half a per cent. 22 peers are probed every 2.2 s.
 */
export const PROBES_PER_SECOND = 10

/** Probes fall due together, so many times in one interval: waking up costs as much as a ping. Each goes early, never late. */
export const PROBE_TURNS = 4

/** After a probe that failed without saying anything of its peer, the next one waits so long. */
export const PROBE_RETRY = 500

/** Unanswered for so long, a probe makes its peer suspected: three round trips, within this. Chosen: memberlist's LAN and WAN halves. */
export const PROBE_TIMEOUT: { min: number, max: number } = { min: 500, max: 1_000 }

/** What may happen to a healthy peer, and is never a death: its event loop stands for so long (security research X2). */
export const PEER_STALL = 5_000

/** What {@link PEER_STALL} is exceeded by before a peer is dead. Chosen: a lost packet comes again after 200 ms and a round trip. */
export const DEATH_MARGIN = 600

/** The round trip of a peer before the first is measured. Chosen: nine of ten on the internet are shorter. */
export const RTT_UNKNOWN = 200

/** So large a part of those who were there falling silent at once, and at least three, is our own fault (Eureka: 15 %). */
export const MASS_SILENCE = 0.5
export const MASS_SILENCE_MIN = 3

/** When so large a part of the silent ones answers again, the others are judged again. Chosen. */
export const RETURNED = 0.25

/** Where others go on answering, the silent are held no longer than this: we are not cut off, they are. Chosen. */
export const PRESERVE_PARTLY = 60_000

/**
 * After a return a silent peer has as long as the absence was, and at most this: TCP doubles the pause between two tries
 * (RFC 6298 §5.5), so that a connection comes back that late.
 */
export const RETURN_PATIENCE = 30_000

/** A silent peer whose connection is gone is dialled: this must be done within so much, and outlast a stall of it. Chosen. */
export const REACH_TIMEOUT = 6_000

/** While all connections are gone, how often one of the silent peers is dialled. Chosen: a return is noticed within seconds. */
export const REACH_INTERVAL = 3_000

/** How often we look whether we are late ourselves; shorter absences are not seen. */
export const WATCH_INTERVAL = 500

/** A timer that is late by no more than this is on time. Chosen. */
export const TIMER_SLACK = 50

/** Later than this we were away: probes of that time are void (security research X2). */
export const LATE = 500

/** The longest time that a wall clock running ahead is taken for sleep (7 days). Chosen. */
export const SLEEP_MAX = 604_800_000

/** After a stall of our own nobody is declared dead for so long: what came meanwhile must be read first. Chosen. */
export const STALL_GRACE = 1_000

/** As above, after a sleep: connections that broke meanwhile say so only now, or are made anew. Chosen. */
export const SLEEP_GRACE = 30_000

/** Local health: points at worst, each of which adds one patience … Chosen: four seconds are less than the time to a death. */
export const HEALTH_WORST = 3

/** … and how long it takes to be rid of one. Chosen. */
export const HEALTH_RECOVERY = 2_000

/** How long a dead peer is not believed in on the word of others: that of peers who have not noticed yet (document 004, peerTimeout). */
export const QUARANTINE_TIME = 600_000

/** Outbound connections that the connection policy seeks and keeps: Bitcoin Core's number, and that of the research on restarts (ledger §B). */
export const CONNECT_TARGET = 8

/** Outbound connections to one network (/16, /32). Chosen: one more than Bitcoin Core's, for nets that live at one provider. */
export const MAX_PER_GROUP = 2

/** How often a peer of whom we only heard is dialled to learn whether it is there (Bitcoin Core). */
export const FEELERS = 120_000

/** Spread of that. Chosen: nobody can tell when the next one comes. */
export const FEELER_JITTER = 0.5

/** How long whoever has the larger id of two that found each other waits for the other's dial. Chosen: a handshake across the world. */
export const YIELD_TO_SMALLER: { min: number, max: number } = { min: 200, max: 500 }

/** After a connection of ours ended another one is sought in this time, jittered. Chosen: what the crash of one costs all does not come at once. */
export const REFILL_AFTER = 1_000

/** How far that is spread. */
export const REFILL_JITTER = 0.5

/** When nobody is left to be dialled, the tables are looked at again: full jitter from `base`, doubling to `cap`. Newcomers are not waited for so. Chosen. */
export const REFILL_BACKOFF: { base: number, cap: number } = { base: 2_000, cap: 60_000 }

/** How long a peer is left alone after a dial that failed, or a connection that it ended soon: doubling from `base` to `cap`. Chosen: libp2p and Bitcoin retry in minutes. */
export const PEER_WAIT: { base: number, cap: number } = { base: 10_000, cap: 600_000 }

/** A connection that ends sooner counts as refused. Chosen. */
export const STEADY = 60_000

/** Dials of the policy a second, after a burst of as many as it seeks. Chosen: nobody notices a node that finds nobody. */
export const DIALS_PER_SECOND = 0.5

/** How long an address is left alone where nobody was found: doubling from `base` to `cap`. As hearsay's targets (`limits.dialTargetPause`, `dialTargetQuarantine`). */
export const ENDPOINT_WAIT: { base: number, cap: number } = { base: 60_000, cap: 3_600_000 }

/**
 * How often time that does not count is taken back while most peers are silent at once, so that the view stays whole.
 * Chosen: it costs a turn of some milliseconds with thousands of peers.
 */
export const HOLD_STEP = 5_000

/** For how long libp2p's router does not ask again for a peer that nobody knew. Chosen: as often as mechanisms are asked by themselves. */
export const ROUTED_PAUSE = 60_000
