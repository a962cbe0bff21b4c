/** A live table, for a terminal: who is in the view, and what happened last. */
import { styleText } from 'node:util'
import { safeText, systemClock, type PeerInfo, type Timer } from '@peerweave/interface'
import Table from 'cli-table3'
import { createLogUpdate } from 'log-update'
import { REPAINT } from './constants.ts'
import { foundBy, sentence, shortId } from './wording.ts'
import type { Multi } from '@peerweave/multi'
import type { DemoEvent, Output } from './events.ts'

/** Lines of history below the table. */
const HISTORY = 8

export function tableOutput (stream: NodeJS.WriteStream): Output {
  const clock = systemClock()
  const update = createLogUpdate(stream)
  const history: string[] = []
  let multi: Multi | undefined
  let timer: Timer | undefined
  let isEnded = false

  const paint = async (): Promise<void> => {
    const peers = multi == null ? [] : await Array.fromAsync(multi.peers())
    // By id, not by rank: a row that jumps cannot be read.
    peers.sort((a, b) => a.peerId.toString() < b.peerId.toString() ? -1 : 1)
    if (!isEnded) update([table(peers, clock.wall(), stream.rows ?? 24), ...history, styleText('dim', 'Ctrl-C ends.')].join('\n'))
  }
  const repaint = (): void => {
    void paint()
    timer = clock.setTimeout(repaint, REPAINT)
  }
  repaint()

  return {
    watch (watched) {
      multi = watched
    },
    tell (event, at) {
      const text = sentence(event)
      if (text == null) return
      history.push(`${styleText('dim', `${at.toFixed(1).padStart(6)} s`)}  ${styleText(colour(event), text)}`)
      if (history.length > HISTORY) history.shift()
    },
    end () {
      timer?.cancel()
      isEnded = true
      update.done()
      // The summary came after the last repaint.
      stream.write(`${history.at(-1) ?? ''}\n`)
    }
  }
}

function table (peers: PeerInfo[], now: number, rows: number): string {
  const result = new Table({ head: ['peer', 'addresses', 'found by', 'age', 'confidence', 'connection'], style: { head: ['bold'], compact: true } })
  const room = Math.max(3, rows - HISTORY - 6)
  for (const peer of peers.slice(0, room)) {
    const age = now - Math.max(...peer.sources.map(({ lastSeen }) => lastSeen), peer.lastSeen ?? -Infinity)
    result.push([
      shortId(peer.peerId),
      peer.addresses.map(({ multiaddr }) => safeText(multiaddr)).join('\n'),
      foundBy(peer),
      Number.isFinite(age) ? `${(age / 1_000).toFixed(1)} s` : '',
      peer.confidence.toFixed(2),
      peer.connectionStatus
    ])
  }
  const more = peers.length > room ? `\n… and ${peers.length - room} more` : ''
  return `${result.toString()}${more}`
}

function colour (event: DemoEvent): Parameters<typeof styleText>[0] {
  switch (event.type) {
    case 'node':
      return event.action === 'crash' ? 'red' : 'yellow'
    case 'peer:discovery':
      return 'green'
    case 'peer:expire':
      return 'magenta'
    default:
      return 'reset'
  }
}
