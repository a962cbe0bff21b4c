/** Churn as data: when each peer comes and goes, and when the network is cut in two. */
import { readFileSync } from 'node:fs'
import { SerializationError, show, toError } from '@peerweave/interface'

/** From the moment a peer joins to the moment it is gone, ms from the beginning. */
export type Session = readonly [join: number, leave: number]

/** A time in which the first `share` of the peers and the others do not reach each other. Times are ms, `share` is 0 … 1. */
export interface Cut {
  readonly from: number
  readonly to: number
  readonly share: number
}

export interface ChurnTrace {
  readonly name: string
  /** What happens, in words. */
  readonly description: string
  /** Where its shape is from. */
  readonly source: string
  /** What it was made with. */
  readonly seed: number
  /** ms. */
  readonly duration: number
  readonly cuts: readonly Cut[]
  /** The sessions of each peer, in order and apart. One that ends with the trace goes on beyond it. */
  readonly peers: ReadonlyArray<readonly Session[]>
}

/** The traces that come with the package; `traces/*.json` says of each what it is and where its shape is from. */
export const TRACES = ['steady', 'diurnal', 'mass-leave', 'flash-crowd', 'partition'] as const

export type TraceName = typeof TRACES[number]

/**
 * Reads a trace of the package by name, or any other from a file.
 *
 * @throws TypeError for a name that is not one of {@link TRACES}
 * @throws SerializationError saying where the file is wrong
 */
export function loadTrace (source: TraceName | URL): ChurnTrace {
  if (!(source instanceof URL) && !TRACES.includes(source)) {
    throw new TypeError(`there is no trace ${show(source)}; there are ${TRACES.join(', ')}`)
  }
  const url = source instanceof URL ? source : new URL(`../traces/${source}.json`, import.meta.url)
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(url, 'utf8'))
  } catch (error) {
    throw new SerializationError(`the trace ${url.href} cannot be read: ${toError(error).message}`, { cause: error })
  }
  return parseTrace(parsed)
}

/**
 * Checks what a file says.
 *
 * @throws SerializationError naming the place that is wrong
 */
export function parseTrace (value: unknown): ChurnTrace {
  const { name, description, source, seed, duration, cuts, peers } = objectOf(value, 'the trace')
  check(isTime(duration), 'duration', duration)
  check(Number.isInteger(seed), 'seed', seed)
  for (const [field, text] of Object.entries({ name, description, source })) check(typeof text === 'string' && text !== '', field, text)
  check(Array.isArray(cuts), 'cuts', cuts)
  check(Array.isArray(peers), 'peers', peers)
  let end = 0
  for (const [i, cut] of (cuts as unknown[]).entries()) {
    const { from, to, share } = objectOf(cut, `cuts[${i}]`)
    check(isTime(from) && isTime(to) && from >= end && from < to && to <= (duration as number), `cuts[${i}]`, cut)
    check(typeof share === 'number' && share > 0 && share < 1, `cuts[${i}].share`, share)
    end = to as number
  }
  for (const [i, sessions] of (peers as unknown[]).entries()) checkSessions(sessions, `peers[${i}]`, duration as number)
  return value as ChurnTrace
}

function checkSessions (sessions: unknown, where: string, duration: number): void {
  check(Array.isArray(sessions), where, sessions)
  let last = -1
  for (const [i, session] of (sessions as unknown[]).entries()) {
    check(Array.isArray(session) && session.length === 2, `${where}[${i}]`, session)
    const [join, leave] = session as unknown[]
    check(isTime(join) && isTime(leave) && join > last && join < leave && leave <= duration, `${where}[${i}]`, session)
    last = leave as number
  }
}

function objectOf (value: unknown, where: string): Record<string, unknown> {
  check(typeof value === 'object' && value !== null, where, value)
  return value as Record<string, unknown>
}

function isTime (value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}

function check (isRight: boolean, where: string, value: unknown): void {
  if (!isRight) throw new SerializationError(`${where} of the trace is wrong: ${show(JSON.stringify(value))}`)
}
