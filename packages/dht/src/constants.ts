/** Defaults. What a stranger can grow is bounded in `limits` of `@peerweave/interface`. Times in milliseconds. */
import { limits } from '@peerweave/interface'

/** Peers per bucket, and that a key is stored at. Kademlia; libp2p's kad-dht spec, "Replication parameter (k)". */
export const K = 20

/** Confirmations that make an announcement a success; with fewer it is repeated. REQUIREMENTS, defaults. */
export const REPLICATION_FACTOR = 3

/** One query of ours; kad-dht would wait 180 s on an empty table. REQUIREMENTS, defaults. */
export const QUERY_TIMEOUT = 10_000

/** Between two announcements of what we provide (12 h). REQUIREMENTS, defaults. */
export const PROVIDE_INTERVAL = 43_200_000

/** Between two puts of a value that we put (24 h). REQUIREMENTS, defaults; kad-dht's servers drop values after 48 h. */
export const REPUBLISH_INTERVAL = 86_400_000

/** How long a provider record is given out after it came (24 h). REQUIREMENTS, defaults; kad-dht's own is 48 h. */
export const PROVIDER_TTL = 86_400_000

/** How long what we heard of a peer stands (1 h). Chosen: three refreshes of `multi`'s and what it takes to notice. */
export const PEER_TTL = 3_600_000

/** Look-ups of random keys in a round. Chosen: the self look-up and the providers come beside it. */
export const WALKS = 1

/** Part of the granted time after which `multi` renews an announcement. */
export const RENEW_AT: number = 7 / 8

/** Announcements that nobody, or too few, confirmed are repeated with this back-off. Chosen. */
export const PROVIDE_RETRY = { base: 2_000, cap: 600_000 } as const

/** Announcements are early by up to this part of their interval, so that those that began together spread. */
export const PROVIDE_JITTER = 0.1

/** Addresses come and go in bursts: this long after the last change we announce ourselves anew. Chosen. */
export const ADDRESSES_SETTLE = 1_000

/** Bootstrap nodes that cannot be reached are tried again with this back-off. Chosen, as for `@peerweave/bootstrap`. */
export const BOOTSTRAP_RETRY = { base: 1_000, cap: 60_000 } as const

/** Whether the table has contacts is looked at so often while somebody waits for them. Chosen. */
export const CONTACTS_POLL = 100

/** As above, while nobody does, to dial the bootstrap nodes again when it has lost them all. Chosen. */
export const CONTACTS_WATCH = 5_000

/** How often kad-dht looks for provider records that have lapsed (1 h), its own default. */
export const SWEEP_INTERVAL = 3_600_000

/** The prefix of kad-dht's keys in the datastore, its own default. */
export const DATASTORE_PREFIX = '/dht'

/** An address that is told again is written into the peer store again after this; answers repeat the same ones all the time. Chosen. */
export const REWRITE_AFTER = 60_000

/** Addresses looked at of one mention of a peer; the rest is left unread. */
export const MOST_READ: number = 4 * limits.addressesPerClaim

/** A longer answer ends the request. kad-dht takes 4 MiB, of which reading 400,000 addresses holds the event loop for seconds. Chosen: twice the longest honest one. */
export const ANSWER_BYTES: number = 4 * limits.messageBytes
