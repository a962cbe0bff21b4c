/**
 * What each mechanism brings and costs, in libp2p's metrics. Names carry their unit. Labels are closed: a mechanism's path
 * is of the user's names, and so many have figures of their own; a reason is one of ours.
 */
import { limits } from '@peerweave/interface'
import { ROUND_BUCKETS } from './constants.ts'
import type { Metrics } from '@libp2p/interface'
import type { MechanismContext } from '@peerweave/interface'
import type { RefusalReason } from './pipeline.ts'

export interface MultiMetricsOptions {
  /** Every name begins with it and `_`; what Prometheus takes in no name becomes `_`. @default 'peerweave' */
  prefix?: string | undefined
  /**
   * The mechanisms' statuses by path, read when the metrics are: one that says there how many `bytes` or `messages` it
   * has sent and received has them shown.
   */
  statuses?: (() => Iterable<readonly [path: string, status: object]>) | undefined
}

/** How a round ended. One that nobody wanted the end of any more is `aborted`, and its time says nothing. */
export type RoundOutcome = 'success' | 'failure' | 'aborted'

/** None of these ever throws, whatever the metrics do. */
export interface MultiMetrics {
  /** A sighting was taken: `<prefix>_sightings_total`. */
  sighting: (path: string) => void
  /** A peer came into the view by it: `<prefix>_new_peers_total`. */
  fresh: (path: string) => void
  /** A sighting, or a part of one, was refused: `<prefix>_refused_<reason>_total`. */
  refused: (path: string, reason: RefusalReason) => void
  /**
   * A round ended: `<prefix>_rounds_total`, which is what a mechanism costs that says nothing of bytes and messages,
   * `<prefix>_round_failures_total`, and `<prefix>_round_duration_seconds`.
   */
  round: (path: string, seconds: number, outcome: RoundOutcome) => void
  /** As it is now: `<prefix>_peers`, `<prefix>_connected_peers`, `<prefix>_suspected_peers`. What is left out stays as it was. */
  view: (view: { peers?: number | undefined, connected?: number | undefined, suspected?: number | undefined }) => void
}

/** The label of a mechanism beyond the bound, or whose path is none. */
const OTHER = 'other'

/** Names of mechanisms (`nameOption`), in nested multis one after the other. */
const PATH = /^[A-Za-z0-9._-]{1,64}(?:\/[A-Za-z0-9._-]{1,64}){0,7}$/

/** Every reason there is: the compiler says when one is missing. */
const REASONS: Readonly<Record<RefusalReason, true>> = {
  'no-address': true,
  'stale-evidence': true,
  full: true,
  malformed: true,
  'own-id': true,
  'bad-ttl': true,
  'wrong-peer': true,
  'address-too-long': true,
  'address-scope': true,
  'too-many-addresses': true,
  'queue-full': true,
  endpoint: true,
  'bad-record': true,
  'store-failed': true,
  denied: true,
  quarantined: true
}

/** The metrics of the libp2p node around us, where it has some. */
export function metricsOf ({ libp2p }: Pick<MechanismContext, 'libp2p'>): Metrics | undefined {
  try {
    // Its components throw for a name that they do not know; for this one only in other versions.
    const node: { metrics?: Metrics | null } | undefined = libp2p
    return node?.metrics ?? undefined
  } catch {
    return undefined
  }
}

/** Does nothing where there are no metrics. */
export function multiMetrics (metrics: Metrics | undefined, { prefix = 'peerweave', statuses }: MultiMetricsOptions = {}): MultiMetrics {
  if (metrics == null) return NONE
  const name = (rest: string): string => `${prefix.replaceAll(/\W/g, '_')}_${rest.replaceAll(/\W/g, '_')}`
  const label = 'mechanism'
  const counter = (rest: string, help: string): Count => {
    const group = quietly(() => metrics.registerCounterGroup(name(rest), { label, help }))
    return path => { quietly(() => group?.increment({ [path]: true })) }
  }
  const gauge = (rest: string, help: string): (value: number | undefined) => void => {
    const metric = quietly(() => metrics.registerMetric(name(rest), { help }))
    return value => { if (value !== undefined) quietly(() => metric?.update(value)) }
  }

  const sightings = counter('sightings_total', 'Sightings that were taken into the view')
  const freshPeers = counter('new_peers_total', 'Peers that came into the view')
  const rounds = counter('rounds_total', 'Discovery rounds')
  const failures = counter('round_failures_total', 'Discovery rounds that failed')
  const durations = quietly(() => metrics.registerHistogramGroup(name('round_duration_seconds'), {
    label, help: 'How long discovery rounds took', buckets: [...ROUND_BUCKETS]
  }))
  const peers = gauge('peers', 'Peers in the view')
  const connected = gauge('connected_peers', 'Peers in the view that are connected')
  const suspected = gauge('suspected_peers', 'Connected peers that have fallen silent')
  // A group has one label, so that each reason is a name of its own: one that never occurs is not there.
  const refusals = new Map<string, Count>()
  const refusal = (reason: string): Count => {
    const known = refusals.get(reason) ?? counter(`refused_${reason}_total`, 'Sightings, or parts of one, that were refused')
    refusals.set(reason, known)
    return known
  }

  /** BOUNDED by `limits.metricPaths`. */
  const paths = new Set<string>()
  const labelOf = (path: string): string => {
    if (paths.has(path)) return path
    if (typeof path !== 'string' || paths.size >= limits.metricPaths || !PATH.test(path)) return OTHER
    paths.add(path)
    return path
  }

  for (const unit of statuses == null ? [] : ['bytes', 'messages'] as const) {
    quietly(() => metrics.registerCounterGroup(name(`cost_${unit}_total`), {
      label,
      help: `What the mechanisms have sent and received, in ${unit}, as far as they say`,
      calculate: () => quietly(() => costs(statuses?.() ?? [], unit, labelOf)) ?? {}
    }))
  }

  return Object.freeze({
    sighting: path => sightings(labelOf(path)),
    fresh: path => freshPeers(labelOf(path)),
    refused: (path, reason) => refusal(Object.hasOwn(REASONS, reason) ? reason : OTHER)(labelOf(path)),
    round (path, seconds, outcome) {
      const label = labelOf(path)
      rounds(label)
      if (outcome === 'failure') failures(label)
      if (outcome !== 'aborted' && seconds >= 0 && Number.isFinite(seconds)) quietly(() => durations?.observe({ [label]: seconds }))
    },
    view (view) {
      peers(view.peers)
      connected(view.connected)
      suspected(view.suspected)
    }
  } satisfies MultiMetrics)
}

type Count = (path: string) => void

const NONE: MultiMetrics = Object.freeze({ sighting () {}, fresh () {}, refused () {}, round () {}, view () {} })

/** Of those beyond the bound the sum. */
function costs (
  statuses: Iterable<readonly [string, object]>, unit: 'bytes' | 'messages', labelOf: (path: string) => string
): Record<string, number> {
  const result: Record<string, number> = {}
  for (const [path, status] of statuses) {
    const cost = quietly(() => (status as Partial<Record<typeof unit, unknown>>)[unit])
    if (typeof cost !== 'number' || !Number.isFinite(cost) || cost < 0) continue
    const label = labelOf(path)
    result[label] = (result[label] ?? 0) + cost
  }
  return result
}

/** Metrics are the app's own: one that fails must not take discovery with it. */
function quietly<T> (work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
