/** The view as a table that fits its terminal. */
import { stripVTControlCharacters } from 'node:util'
import { limits, safeText, type PeerInfo } from '@peerweave/interface'
import Table from 'cli-table3'
import { foundBy, shortId } from './wording.ts'

export interface TableSpace {
  /** Wall-clock ms, for the ages. */
  now: number
  /** Characters in a line of the terminal. */
  columns: number
  /** Lines for the table, borders included. */
  rows: number
}

interface Column {
  head: string
  /** Lines of one cell. */
  cell: (peer: PeerInfo, options: { now: number, maxAddress?: number }) => string[]
}

const COLUMNS: readonly Column[] = [
  { head: 'peer', cell: peer => [shortId(peer.peerId)] },
  { head: 'addresses', cell: (peer, { maxAddress }) => addressLines(peer, maxAddress) },
  { head: 'found by', cell: peer => [foundBy(peer)] },
  { head: 'age', cell: (peer, { now }) => [age(peer, now)] },
  { head: 'confidence', cell: peer => [peer.confidence.toFixed(2)] },
  { head: 'connection', cell: peer => [peer.connectionStatus] }
]
/** What goes first where there is no room for all. */
const DISPENSABLE = ['connection', 'age']

/** Three borders and the head. */
const FRAME_LINES = 4
/** An address is not cut shorter than this. */
const MIN_ADDRESS = 8

/** The first peers, as many as there are lines for, and a last line that counts the others. */
export function table (peers: readonly PeerInfo[], { now, columns, rows }: TableSpace): string {
  const { shown, hidden } = firstThatFit(peers, rows)
  const render = (without: readonly string[], maxAddress?: number): string => {
    const kept = COLUMNS.filter(({ head }) => !without.includes(head))
    const result = new Table({ head: kept.map(({ head }) => head), style: { head: ['bold'], compact: true } })
    const options = { now, ...maxAddress != null && { maxAddress } }
    for (const peer of shown) result.push(kept.map(({ cell }) => cell(peer, options).join('\n')))
    return result.toString()
  }

  let text = render([])
  for (let n = 1; n <= DISPENSABLE.length && widthOf(text) > columns; n++) text = render(DISPENSABLE.slice(0, n))
  const tooWide = widthOf(text) - columns
  if (tooWide > 0) {
    const longest = Math.max(MIN_ADDRESS, ...shown.flatMap(peer => addressLines(peer)).map(({ length }) => length))
    text = render(DISPENSABLE, Math.max(MIN_ADDRESS, longest - tooWide))
  }
  return hidden > 0 ? `${text}\n… and ${hidden} more` : text
}

/** A peer takes a line for each address. One is always shown: a table without any says nothing. */
function firstThatFit (peers: readonly PeerInfo[], rows: number): { shown: readonly PeerInfo[], hidden: number } {
  const heights = peers.map(({ addresses }) => Math.max(1, addresses.length))
  const total = heights.reduce((sum, height) => sum + height, 0)
  let room = rows - FRAME_LINES - (total > rows - FRAME_LINES ? 1 : 0)
  const end = heights.findIndex((height, i) => (room -= height) < 0 && i > 0)
  const count = end === -1 ? peers.length : end
  return { shown: peers.slice(0, count), hidden: peers.length - count }
}

function addressLines ({ addresses }: PeerInfo, maxGraphemes: number = limits.safeTextGraphemes): string[] {
  return addresses.map(({ multiaddr }) => safeText(multiaddr, { maxGraphemes }))
}

function age (peer: PeerInfo, now: number): string {
  const ms = now - Math.max(...peer.sources.map(({ lastSeen }) => lastSeen), peer.lastSeen ?? -Infinity)
  return Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : ''
}

function widthOf (text: string): number {
  return Math.max(...text.split('\n').map(line => stripVTControlCharacters(line).length))
}
