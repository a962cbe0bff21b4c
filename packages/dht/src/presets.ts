/**
 * What differs between kinds of networks. kad-dht's own defaults fit none of ours: it is a client for as long as it has no
 * public address, and its mapper drops every private one, so that on a LAN its table stays empty.
 */
import { limits } from '@peerweave/interface'
import type { DiversityLimits } from './diversity.ts'

export type Preset = 'small' | 'lan' | 'internet'

/**
 * - `server`: answers queries, and is in others' tables
 * - `client`: asks only
 * - `auto`: `server` for as long as one of our addresses is public
 */
export type Mode = 'server' | 'client' | 'auto'

export interface PresetValues {
  readonly mode: Mode
  /** Which addresses of contacts and of ours are used in this DHT: all, or the public ones alone. */
  readonly addresses: 'any' | 'public'
  readonly alpha: number
  /** `false`: no bound. */
  readonly diversity: DiversityLimits | false
  /** Between two look-ups of our own id, ms. */
  readonly selfLookupInterval: number
  /** Before the first of them, for which all queries wait, ms. */
  readonly firstSelfLookup: number
}

export const PRESETS: Readonly<Record<Preset, PresetValues>> = {
  /** A private network of unknown shape, from two nodes on one desk to some hundreds in one data centre. */
  small: {
    mode: 'server', // whoever serves nobody is in nobody's table: a network of clients finds nothing
    addresses: 'any',
    alpha: 3, // half of the load of 10, at 100 nodes no slower (libp2p research §3)
    diversity: { perPrefix: 10, perTable: 40 }, // all nodes may be in one data centre: half of a bucket is the others'
    selfLookupInterval: 300_000,
    firstSelfLookup: 100
  },
  /** One site, nobody hostile. */
  lan: {
    mode: 'server',
    addresses: 'any', // a site's hosts may have public IPv6 addresses, and nothing else
    alpha: 3,
    diversity: false,
    selfLookupInterval: 60_000, // nodes come and go, and a look-up takes milliseconds
    firstSelfLookup: 100
  },
  /** Strangers. */
  internet: {
    mode: 'auto',
    addresses: 'public',
    alpha: 10, // libp2p's kad-dht spec, "Alpha Concurrency Parameter": round trips are long
    diversity: { perPrefix: limits.dhtGroupPerPrefix, perTable: limits.dhtGroupPerTable },
    selfLookupInterval: 300_000,
    firstSelfLookup: 1_000 // the table should hold more than the first contact by then
  }
}
