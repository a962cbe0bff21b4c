/**
 * Finds peers in DNS zones, by SRV and TXT records (RFC 2782) and by `_dnsaddr` records, and announces us in one by
 * dynamic updates (RFC 2136).
 *
 * @example
 * ```ts
 * import { dns } from '@peerweave/dns'
 * import { createLibp2p } from 'libp2p'
 *
 * const node = await createLibp2p({ services: { zones: dns({ domains: ['example.org'], service: '_olocus._tcp' }) } })
 * ```
 *
 * @packageDocumentation
 */
export { dns } from './dns.ts'
export { publish, type PublishOptions } from './publish.ts'
export { zone, type ZoneOptions } from './zone.ts'
export { isForZone } from './write/own-records.ts'
export type { DnsAnnounceOptions, DnsClientFactory, DnsOptions } from './options.ts'
export type { DnsClient, DnsClientInit } from './client/client.ts'
export type { DnsAnswer, DnsRecord, Query, RecordType, ResponseCode } from './records.ts'
export type { TsigAlgorithm } from './write/tsig.ts'
