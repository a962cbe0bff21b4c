/** What goes wrong between nodes, beyond what is done to a single one. */
import { knownOptions, numberOption, show } from '@peerweave/interface'
import { MAX_LATENCY, MAX_LIFETIME } from './constants.ts'

/** ms, from … to. */
export interface Span {
  min: number
  max: number
}

/** They hold for the connections between nodes of the net; what somebody else dials is left alone. */
export interface Faults {
  /**
   * ms one way. Of a span, each pair of nodes has one value, drawn from the seed. A dial takes a round trip more, as
   * TCP's does.
   *
   * @default 0
   */
  latency?: number | Span | undefined
  /**
   * Share of chunks that get lost, 0 to 1. TCP sends them again, so each comes 200 ms late (`RETRANSMISSION`), and what
   * is behind it waits: no byte is missing in the end.
   *
   * @default 0
   */
  loss?: number | undefined
  /** Share of dials that fail, 0 to 1; which ones is drawn from the seed. @default 0 */
  failedDials?: number | undefined
  /**
   * ms after which a connection breaks by itself, without a goodbye; both sides see it reset.
   *
   * @default connections last
   */
  connectionLifetime?: number | Span | undefined
}

export interface ResolvedFaults {
  readonly latency: Readonly<Span>
  readonly loss: number
  readonly failedDials: number
  readonly connectionLifetime: Readonly<Span> | undefined
}

/** @throws TypeError naming the wrong one */
export function resolveFaults (faults: Faults = {}): ResolvedFaults {
  knownOptions('faults', faults, ['latency', 'loss', 'failedDials', 'connectionLifetime'])
  const { latency = 0, loss, failedDials, connectionLifetime } = faults
  return Object.freeze({
    latency: spanOption('faults.latency', latency, { min: 0, max: MAX_LATENCY }),
    loss: numberOption('faults.loss', loss, 0, { max: 1 }),
    failedDials: numberOption('faults.failedDials', failedDials, 0, { max: 1 }),
    connectionLifetime: connectionLifetime === undefined
      ? undefined
      : spanOption('faults.connectionLifetime', connectionLifetime, { min: 1, max: MAX_LIFETIME })
  })
}

function spanOption (name: string, value: number | Span, bounds: Span): Span {
  if (typeof value === 'number') return { min: numberOption(name, value, 0, bounds), max: value }
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be a number or { min, max }, got ${show(value)}`)
  knownOptions(name, value, ['min', 'max'])
  const min = numberOption(`${name}.min`, value.min ?? NaN, 0, bounds)
  return { min, max: numberOption(`${name}.max`, value.max ?? NaN, 0, { ...bounds, min }) }
}
