/** Every default and bound of the package. */

/**
 * Real nodes in one process. A node with TCP and noise takes 1 to 10 MB, and all share one thread: beyond this what is
 * measured is the thread, and on slow machines nodes time out (research/libp2p.md §3: 100 with a DHT take 21 s to start).
 */
export const MAX_NODES = 100

/** The same without sockets and encryption: a light node takes about 1 MB. */
export const MAX_MEMORY_NODES = 300

/** Dials at once while the net is wired: more would only wait for the one thread. */
export const DIALS_AT_ONCE = 8

/** ms. A connection that was asked for and takes longer is given up; as long as libp2p gives a dial. */
export const CONNECT_DEADLINE = 10_000

/** ms. A node whose services take longer to start is given up. */
export const START_DEADLINE = 30_000

/** ms. A node whose services take longer to stop is cut off and left behind. */
export const STOP_DEADLINE = 10_000

/** ms one way: longer than any path on earth, and than libp2p's patience of 10 s for a handshake of three round trips. */
export const MAX_LATENCY = 5_000

/** ms: a day, longer than any test. */
export const MAX_LIFETIME = 86_400_000

/** ms that a lost chunk is late: TCP's shortest retransmission timeout on Linux (`TCP_RTO_MIN`). */
export const RETRANSMISSION = 200

/** Bytes on their way, for each direction of a connection; at the bound its writer waits. 4 MiB fill a 320 Mbit/s link of 100 ms. */
export const BYTES_IN_FLIGHT = 4_194_304

/** Where nodes of the memory transport listen, each at an address of its own; nobody outside of the process is there. */
export const MEMORY_SUBNET = '10.77'
export const MEMORY_PORT = 4_001
