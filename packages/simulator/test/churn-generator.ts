/**
 * Makes `traces/*.json`, once: `node packages/simulator/test/churn-generator.ts`. The traces are data, so that a run
 * does not hang on `Math.log`, and so that one measured in a real network can stand beside them. All times end up as
 * whole seconds.
 */
import { writeFileSync } from 'node:fs'
import { seededRng, type Rng } from '@peerweave/interface'
import type { ChurnTrace, Cut, Session } from '../src/index.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const PEERS = 1_000

/** Weibull: many short visits, and a few peers that stay and stay. */
const SHAPE = 0.5
const STUTZBACH = 'D. Stutzbach, R. Rejaie: Understanding Churn in Peer-to-Peer Networks, IMC 2006 (session lengths in three BitTorrent swarms are Weibull, with shapes of 0.34, 0.38 and 0.59; here 0.5)'

interface Recipe {
  seed: number
  description: string
  source: string
  duration: number
  make: (rng: Rng, peer: number) => Session[]
  cuts?: (rng: Rng) => Cut[]
}

/** Median `median` ms. Inverse of the distribution function, with the scale that puts the median there. */
function weibull (rng: Rng, median: number): number {
  const scale = median / Math.LN2 ** (1 / SHAPE)
  return scale * (-Math.log(1 - rng.float())) ** (1 / SHAPE)
}

/** Visits and absences in turn, from a moment before the trace begins, so that it begins in the middle of life. */
function visits (rng: Rng, duration: number, session: number, absence: (at: number) => number): Session[] {
  const sessions: Session[] = []
  let at = -rng.float() * 4 * session
  let isIn = rng.float() < 0.5
  while (at < duration) {
    const end = at + (isIn ? weibull(rng, session) : absence(at))
    if (isIn && end > 0) sessions.push([at, end])
    at = end
    isIn = !isIn
  }
  return sessions
}

const RECIPES: Record<string, Recipe> = {
  steady: {
    seed: 1,
    description: 'One hour. As many come as leave; about half of those present are replaced every ten minutes.',
    source: `${STUTZBACH}; the rate is fault X6 of this project's fault table.`,
    duration: HOUR,
    make: rng => visits(rng, HOUR, 2 * MINUTE, () => weibull(rng, 2 * MINUTE))
  },
  diurnal: {
    seed: 2,
    description: 'Two days. Four times as many come at noon as at midnight, so that those present rise and fall with the day.',
    source: `${STUTZBACH}; the daily cycle: R. Bhagwan, S. Savage, G. Voelker: Understanding Availability, IPTPS 2003. The factor of four is chosen.`,
    duration: 48 * HOUR,
    make: rng => visits(rng, 48 * HOUR, HOUR, at => {
      // Arrivals whose rate changes: drawn at the highest rate, and kept with the share that the moment has of it.
      let next = at
      do next -= 6 * HOUR / 1.6 * Math.log(1 - rng.float())
      while (rng.float() > (1 - 0.6 * Math.cos(2 * Math.PI * next / (24 * HOUR))) / 1.6)
      return next - at
    })
  },
  'mass-leave': {
    seed: 3,
    description: 'Half an hour. All are there from the start; after ten minutes half of them leave within five seconds and do not come back.',
    source: 'Chosen: a data centre or a provider that fails.',
    duration: 30 * MINUTE,
    make: (rng, peer) => [[0, peer % 2 === 0 ? 30 * MINUTE : 10 * MINUTE + rng.float() * 5_000]]
  },
  'flash-crowd': {
    seed: 4,
    description: 'Half an hour. One in twenty is there from the start; after five minutes all others come within one minute, and half of them have left after ten more.',
    source: `Chosen: an announcement that everybody reads. Stays: ${STUTZBACH}.`,
    duration: 30 * MINUTE,
    make: (rng, peer) => {
      if (peer % 20 === 0) return [[0, 30 * MINUTE]]
      const join = 5 * MINUTE + rng.float() * MINUTE
      return [[join, join + weibull(rng, 10 * MINUTE)]]
    }
  },
  partition: {
    seed: 5,
    description: 'Forty minutes. All are there throughout; from the tenth to the thirtieth minute one half does not reach the other.',
    source: "Fault X5 of this project's fault table, shortened.",
    duration: 40 * MINUTE,
    make: () => [[0, 40 * MINUTE]],
    cuts: () => [{ from: 10 * MINUTE, to: 30 * MINUTE, share: 0.5 }]
  }
}

export const NAMES: string[] = Object.keys(RECIPES)

export function generate (name: string): ChurnTrace {
  const { seed, description, source, duration, make, cuts } = RECIPES[name] as Recipe
  const rng = seededRng(seed)
  const peers = Array.from({ length: PEERS }, (_, peer) => {
    return make(rng, peer).map(([join, leave]): Session => [second(Math.max(0, join)), second(Math.min(duration, leave))]).reduce(apart, [])
  })
  return { name, description, source, seed, duration, cuts: cuts?.(rng) ?? [], peers }
}

function second (ms: number): number {
  return Math.round(ms / 1_000) * 1_000
}

/** Leaves out visits of no length, and those that begin as the one before ends. */
function apart (sessions: Session[], [join, leave]: Session): Session[] {
  return leave <= join || join <= (sessions.at(-1)?.[1] ?? -1) ? sessions : [...sessions, [join, leave]]
}

/** A peer a line. */
export function format ({ peers, ...rest }: ChurnTrace): string {
  const head = JSON.stringify(rest, null, 2).slice(0, -2)
  return `${head},\n  "peers": [\n${peers.map(sessions => `    ${JSON.stringify(sessions)}`).join(',\n')}\n  ]\n}\n`
}

if (import.meta.main) {
  for (const name of NAMES) writeFileSync(new URL(`../traces/${name}.json`, import.meta.url), format(generate(name)))
}
