/** What a path between two nodes is like. */
import { knownOptions, numberOption } from '@peerweave/interface'
import { streamOf } from './chance.ts'
import { checkDistribution, sample, type Distribution } from './distribution.ts'

export interface LinkOptions {
  /**
   * One way, ms. Drawn once for each pair of nodes, the same in both directions: how far two nodes are apart does not
   * change from message to message.
   *
   * @default { lognormal: { median: 40, sigma: 0.5 } }
   */
  latency?: Distribution | undefined
  /** Added to each message, ms. @default { uniform: [0, 5] } */
  jitter?: Distribution | undefined
  /**
   * How likely one transmission is lost, 0 … 1. Connections are streams, so what is lost is sent again and comes late;
   * when all of {@link RETRIES} are lost too, the connection is given up. @default 0
   */
  loss?: number | undefined
}

export type Links = Readonly<{ [Key in keyof LinkOptions]-?: NonNullable<LinkOptions[Key]> }>

/** Wide-area links: a median round trip of 80 ms. A guess at a network of homes on two continents. */
export const LINKS: Links = Object.freeze<Links>({ latency: { lognormal: { median: 40, sigma: 0.5 } }, jitter: { uniform: [0, 5] }, loss: 0 })

/** Transmissions after the first. With {@link RETRANSMIT} the last one is given up after about 25 s. */
export const RETRIES = 6

/**
 * Wait before the first retransmission beyond the round trip, ms, doubling from there: Linux' TCP_RTO_MIN, where
 * RFC 6298 §2.4 has 1 s.
 */
export const RETRANSMIT = 200

/** @throws TypeError naming a wrong option */
export function resolveLinks (options: LinkOptions = {}): Links {
  knownOptions('links', options, ['latency', 'jitter', 'loss'])
  return Object.freeze({
    latency: checkDistribution('links.latency', options.latency ?? LINKS.latency),
    jitter: checkDistribution('links.jitter', options.jitter ?? LINKS.jitter),
    loss: numberOption('links.loss', options.loss, LINKS.loss, { max: 1 })
  })
}

/** How far two nodes are apart, ms. The same in both directions and at any time, so nothing is remembered. */
export function latencyBetween (links: Links, seed: number, a: string, b: string): number {
  if (typeof links.latency === 'number') return links.latency
  const [first, second] = a < b ? [a, b] : [b, a]
  return sample(links.latency, streamOf(seed, `path ${first} ${second}`))
}
