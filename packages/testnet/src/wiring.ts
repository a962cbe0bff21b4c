/** Who dials whom at the start. */
import { knownOptions, numberOption, show, shuffle, type Rng } from '@peerweave/interface'
import { MAX_MEMORY_NODES } from './constants.ts'

/** A dial: from node, to node. */
export type Wire = readonly [from: number, to: number]

/**
 * - `none`: nobody is connected to anybody
 * - `ring`: each node dials the next one
 * - `{ links }`: each node dials that many others, drawn from the seed; every node can be reached from every other
 * - a list of dials
 */
export type Wiring = 'none' | 'ring' | { links: number } | readonly Wire[]

/** @throws TypeError naming the option */
export function checkWiring (wiring: Wiring, nodes: number): void {
  if (wiring === 'none' || wiring === 'ring') return
  if (typeof wiring !== 'object' || wiring === null) {
    throw new TypeError(`wiring must be 'none', 'ring', { links } or a list of dials, got ${show(wiring)}`)
  }
  if ('links' in wiring) {
    knownOptions('wiring', wiring, ['links'])
    numberOption('wiring.links', wiring.links, 0, { min: 1, max: MAX_MEMORY_NODES, integer: true })
    return
  }
  if (!Array.isArray(wiring)) knownOptions('wiring', wiring, ['links'])
  for (const wire of wiring as readonly Wire[]) {
    const isWire = Array.isArray(wire) && wire.length === 2 && wire[0] !== wire[1] &&
      wire.every(index => Number.isInteger(index) && index >= 0 && index < nodes)
    if (!isWire) throw new TypeError(`wiring must list pairs of two different nodes from 0 to ${nodes - 1}, got ${showWire(wire)}`)
  }
}

/** The dials, no two between the same nodes: with one from each side libp2p would keep two connections. */
export function wires (wiring: Wiring, nodes: number, rng: Rng): Wire[] {
  if (wiring === 'none') return []
  const chosen = new Map<string, Wire>()
  const add = (from: number, to: number): void => {
    const pair = `${Math.min(from, to)} ${Math.max(from, to)}`
    if (from !== to && !chosen.has(pair)) chosen.set(pair, [from, to])
  }
  if (wiring === 'ring') for (let i = 0; i < nodes; i++) add(i, (i + 1) % nodes)
  else if ('links' in wiring) drawLinks(wiring.links, nodes, rng, add)
  else for (const [from, to] of wiring) add(from, to)
  return [...chosen.values()]
}

function drawLinks (links: number, nodes: number, rng: Rng, add: (from: number, to: number) => void): void {
  const order = shuffle(rng, Array.from({ length: nodes }, (_, i) => i))
  for (const [place, from] of order.entries()) {
    // One of those before it: so all hang together. The others are drawn among all.
    const known = place === 0 ? [] : [order[rng.int(place)] as number]
    const others = shuffle(rng, order).filter(node => node !== from && !known.includes(node))
    for (const to of [...known, ...others].slice(0, links)) add(from, to)
  }
}

function showWire (wire: unknown): string {
  return Array.isArray(wire) ? `[${wire.map(show).join(', ')}]` : show(wire)
}
