/**
 * What strangers tell in `forbidden-dials.spec.ts`: addresses that nobody who is not near may make a node dial, names that
 * lead to them, and beside them addresses that may be dialled, or nothing would be shown.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { peer } from './peers.ts'
import type { PeerId } from '@libp2p/interface'

/** Host part of a multiaddr, and why it must not be dialled. */
export const VECTORS: ReadonlyArray<readonly [host: string, why: string]> = [
  // This machine.
  ['/ip4/127.0.0.1', 'loopback'],
  ['/ip4/127.0.0.53', 'loopback: the stub resolver'],
  ['/ip4/127.255.255.254', 'loopback, last'],
  ['/ip6/::1', 'loopback'],
  ['/ip6/::ffff:127.0.0.1', 'IPv4-mapped loopback'],
  ['/ip6zone/lo/ip6/::1', 'loopback with a zone'],
  // A site.
  ['/ip4/10.0.0.1', 'RFC 1918'],
  ['/ip4/10.255.255.254', 'RFC 1918, last'],
  ['/ip4/172.16.0.1', 'RFC 1918'],
  ['/ip4/172.17.0.1', 'RFC 1918: Docker’s bridge'],
  ['/ip4/172.31.255.254', 'RFC 1918, last'],
  ['/ip4/192.168.0.1', 'RFC 1918: a router'],
  ['/ip4/192.168.255.254', 'RFC 1918, last'],
  ['/ip4/100.64.0.1', 'carrier-grade NAT, RFC 6598'],
  ['/ip4/100.127.255.254', 'carrier-grade NAT, last'],
  ['/ip6/fc00::1', 'unique local, RFC 4193'],
  ['/ip6/fd12:3456:789a::1', 'unique local'],
  ['/ip6/fdff:ffff:ffff:ffff:ffff:ffff:ffff:fffe', 'unique local, last'],
  ['/ip6/::ffff:192.168.0.1', 'IPv4-mapped RFC 1918'],
  ['/ip6/::ffff:10.0.0.1', 'IPv4-mapped RFC 1918'],
  // One link.
  ['/ip4/169.254.1.1', 'link-local, RFC 3927'],
  ['/ip4/169.254.254.254', 'link-local, last'],
  ['/ip6zone/eth0/ip6/fe80::99', 'link-local with its zone'],
  ['/ip6/fe80::99', 'link-local without a zone'],
  // Metadata services of clouds.
  ['/ip4/169.254.169.254', 'metadata: AWS, Azure, Google'],
  ['/ip4/100.100.100.200', 'metadata: Alibaba'],
  ['/ip6/fd00:ec2::254', 'metadata: AWS'],
  ['/ip6/::ffff:169.254.169.254', 'metadata, IPv4-mapped'],
  ['/ip6zone/eth0/ip6/fd00:ec2::254', 'metadata with a zone'],
  // An IPv4 address inside that must not leave through a gateway.
  ['/ip6/64:ff9b::7f00:1', 'NAT64 of 127.0.0.1'],
  ['/ip6/64:ff9b::a00:1', 'NAT64 of 10.0.0.1'],
  ['/ip6/64:ff9b::a9fe:a9fe', 'NAT64 of a metadata service'],
  ['/ip6/64:ff9b:1::1', 'local NAT64, RFC 8215'],
  ['/ip6/64:ff9b:1::7f00:1', 'local NAT64 of 127.0.0.1'],
  ['/ip6/2002:7f00:1::1', '6to4 of 127.0.0.1'],
  ['/ip6/2002:c0a8:101::1', '6to4 of 192.168.1.1'],
  ['/ip6/2002:a9fe:a9fe::1', '6to4 of a metadata service'],
  ['/ip6/2001::1', 'Teredo, RFC 4380'],
  ['/ip6/2001:0:4136:e378:8000:63bf:3fff:fdd2', 'Teredo'],
  ['/ip6/::127.0.0.1', 'IPv4-compatible loopback'],
  ['/ip6/::1.1.1.1', 'IPv4-compatible'],
  ['/ip6/::ffff:0:127.0.0.1', 'IPv4-translated, RFC 2765'],
  // Special purposes.
  ['/ip4/0.0.0.0', 'this host: Linux connects it to loopback'],
  ['/ip4/0.0.0.1', 'this network'],
  ['/ip4/0.1.2.3', 'this network'],
  ['/ip4/192.0.0.1', 'protocol assignments, RFC 6890'],
  ['/ip4/192.0.2.1', 'documentation, RFC 5737'],
  ['/ip4/198.51.100.1', 'documentation'],
  ['/ip4/203.0.113.1', 'documentation'],
  ['/ip4/192.88.99.1', '6to4 relay anycast, RFC 7526'],
  ['/ip4/198.18.0.1', 'benchmarking, RFC 2544'],
  ['/ip4/198.19.255.254', 'benchmarking, last'],
  ['/ip4/240.0.0.1', 'reserved, RFC 1112 §4'],
  ['/ip4/255.255.255.254', 'reserved, last'],
  ['/ip4/224.0.0.251', 'multicast'],
  ['/ip4/255.255.255.255', 'broadcast'],
  ['/ip6/::', 'unspecified: Linux connects it to loopback'],
  ['/ip6/fec0::1', 'site-local, RFC 3879'],
  ['/ip6/100::1', 'discard-only, RFC 6666'],
  ['/ip6/2001:20::1', 'ORCHIDv2, RFC 7343'],
  ['/ip6/2001:db8::1', 'documentation, RFC 3849'],
  ['/ip6/3fff::1', 'documentation, RFC 9637'],
  ['/ip6/5f00::1', 'segment routing, RFC 9602'],
  ['/ip6/4000::1', 'not allocated'],
  ['/ip6/ff02::fb', 'multicast']
]

/**
 * Who tells. `kad` is the app's own kad-dht, `site` a host of the same site over mDNS, `identify` what a connected stranger
 * says of itself to libp2p, `srv` and `probe` endpoints without a peer.
 */
export const SOURCES = ['dht', 'kad', 'mdns', 'site', 'gossip', 'bootstrap', 'dns', 'identify', 'srv', 'probe'] as const
export type SourceName = typeof SOURCES[number]

/** `flip`: public first, then forbidden, in turn. `mixed`: both at once. `fixed`: forbidden alone. All with a TTL of 0. */
export const KINDS = ['flip', 'mixed', 'fixed'] as const
export type Kind = typeof KINDS[number]

/** Each source has a port of its own, so that a canary knows whose word it was hit on. */
export function portOf (source: SourceName): number {
  return 4_100 + SOURCES.indexOf(source)
}

export const ZONE = 'evil.test'
/** Owned by whoever owns the vectors; everybody may be told to be there. */
export const PUBLIC_NETS: readonly string[] = ['93.184.0.0/14', '2a00:1::/32']

/** Without zone. */
export function ipOf (host: string): string {
  return multiaddr(host).getComponents().at(-1)?.value ?? ''
}

export function nameOf (kind: Kind, source: SourceName, vector: number): string {
  return `${kind}-${source}-${vector}.${ZONE}`
}

/** What a name leads to: of these the server gives one or all, by the name's kind. */
export function hostsBehind (name: string): { kind: Kind, isIp6: boolean, forbidden: string, decoy: string } | undefined {
  const [, kind, source, number] = /^([a-z]+)-([a-z]+)-(\d+)\.evil\.test$/.exec(name) ?? []
  const vector = VECTORS[Number(number)] // of NaN there is none
  if (vector == null) return undefined
  const forbidden = ipOf(vector[0])
  const isIp6 = forbidden.includes(':')
  const [i, j] = [KINDS.indexOf(kind as Kind), SOURCES.indexOf(source as SourceName)]
  const decoy = isIp6 ? `2a00:1:${i + 1}:${j + 1}::${Number(number) + 1}` : `93.${184 + i}.${j}.${Number(number) + 1}`
  return { kind: kind as Kind, isIp6, forbidden, decoy }
}

/** A public canary: it may be dialled on anybody's word. */
export function publicOf (source: SourceName): string {
  return `/ip4/93.187.${SOURCES.indexOf(source)}.1/tcp/${portOf(source)}`
}

export interface Told {
  readonly number: number
  readonly peerId: PeerId
  /** Without the peer's id. */
  readonly addresses: readonly string[]
  readonly what: 'literals' | 'names' | 'public'
}

/** As many as one claim may have. */
const LITERALS_PER_PEER = 16
/** As many as one dial may have. In a zone fewer are looked up of one peer. */
const NAMES_PER_PEER = 8
const NAMES_PER_PEER_IN_ZONE = 4

/**
 * What a source tells, by peers that nobody is.
 *
 * @param folder - where canaries listen at Unix sockets
 * @param kinds - of names that each vector is behind. @default one of them, in turn by source and vector
 */
export async function toldBy (source: SourceName, folder: string, kinds?: readonly Kind[]): Promise<Told[]> {
  const port = portOf(source)
  const literals = [
    ...VECTORS.flatMap(([host]) => [`${host}/tcp/${port}`, `${host}/udp/${port}/quic-v1`]),
    `/unix/${encodeURIComponent(`${folder}/${source}.sock`)}`
  ]
  const names = VECTORS.flatMap(([host], i) => {
    const family = ipOf(host).includes(':') ? 'dns6' : 'dns4'
    const chosen = kinds ?? [KINDS[(i + port) % KINDS.length] as Kind]
    return chosen.map(kind => `/${i % 3 === 2 ? 'dns' : family}/${nameOf(kind, source, i)}/tcp/${port}`)
  })
  const parts = [
    { what: 'public' as const, addresses: [publicOf(source)] },
    ...chunks(names, source === 'dns' ? NAMES_PER_PEER_IN_ZONE : NAMES_PER_PEER).map(addresses => ({ what: 'names' as const, addresses })),
    ...chunks(literals, LITERALS_PER_PEER).map(addresses => ({ what: 'literals' as const, addresses }))
  ]
  return await Promise.all(parts.map(async (part, i) => {
    const number = 1_000 * (SOURCES.indexOf(source) + 1) + i
    return { ...part, number, peerId: await peer(number) }
  }))
}

function chunks (all: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
}
