/** A live table, for a terminal: who is in the view, and what happened last. */
import { styleText } from 'node:util'
import { safeText, systemClock, type Timer } from '@peerweave/interface'
import { createLogUpdate } from 'log-update'
import { HISTORY, REPAINT } from './constants.ts'
import { table } from './table.ts'
import { sentence } from './wording.ts'
import type { Multi } from '@peerweave/multi'
import type { DemoEvent, Output } from './events.ts'

/** Of a terminal that does not tell its size, or says 0. */
const COLUMNS = 80
const ROWS = 24
/** The hint below the history, and the line that log-update keeps for the cursor. */
const OTHER_LINES = 2

interface HistoryLine {
  at: string
  text: string
  colour: ReturnType<typeof colour>
}

export function tableOutput (stream: NodeJS.WriteStream): Output {
  const clock = systemClock()
  const update = createLogUpdate(stream)
  const history: HistoryLine[] = []
  let multi: Multi | undefined
  let timer: Timer | undefined
  let isEnded = false

  const paint = async (): Promise<void> => {
    const peers = multi == null ? [] : await Array.fromAsync(multi.peers())
    // By id, not by rank: a row that jumps cannot be read.
    peers.sort((a, b) => a.peerId.toString() < b.peerId.toString() ? -1 : 1)
    if (isEnded) return
    const columns = stream.columns > 0 ? stream.columns : COLUMNS
    const rows = stream.rows > 0 ? stream.rows : ROWS
    const view = table(peers, { now: clock.wall(), columns, rows: rows - HISTORY - OTHER_LINES })
    // A line that wraps would push the head of the table out of the terminal.
    update([view, ...history.map(line => styled(line, columns)), styleText('dim', 'Ctrl-C ends.')].join('\n'))
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
      history.push({ at: `${at.toFixed(1).padStart(6)} s  `, text, colour: colour(event) })
      if (history.length > HISTORY) history.shift()
    },
    end () {
      timer?.cancel()
      isEnded = true
      update.done()
      // The summary came after the last repaint.
      const last = history.at(-1)
      stream.write(`${last == null ? '' : styled(last, Infinity)}\n`)
    }
  }
}

function styled ({ at, text, colour }: HistoryLine, columns: number): string {
  return styleText('dim', at) + styleText(colour, safeText(text, { maxGraphemes: columns - at.length }))
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
