/** `peerweave demo`: real nodes on loopback, found by bootstrap and by mDNS while they come and go. */
import { raceSignal, systemClock, systemRng, throwIfAborted } from '@peerweave/interface'
import { Cast } from './cast.ts'
import { STOP_PATIENCE } from './constants.ts'
import { jsonOutput } from './output-json.ts'
import { linesOutput } from './output-lines.ts'
import { tableOutput } from './output-table.ts'
import { probeLoopbackMulticast } from './multicast.ts'
import { createObserver, type Observer } from './observer.ts'
import { Player } from './player.ts'
import { Tally } from './tally.ts'
import { opening, scenes } from './timeline.ts'
import type { DemoEvent, Output } from './events.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Multi } from '@peerweave/multi'

export interface DemoOptions {
  nodes: number
  /** Seconds. */
  for?: number | undefined
  seed?: number | undefined
  json?: boolean | undefined
}

/** Runs to its end or its interruption, and ends the process: with 0 and a summary once it has shown something. */
export async function demo (
  { nodes, for: seconds = Infinity, seed = systemRng().int(2 ** 31), json = false }: DemoOptions, interrupt: Interrupt
): Promise<void> {
  const clock = systemClock()

  console.error('peerweave demo: starting nodes on loopback …')
  const multicast = await probeLoopbackMulticast()
  const mdnsPort = 'port' in multicast ? multicast.port : undefined
  const cast = new Cast(mdnsPort)
  const tally = new Tally()
  let observer: Observer | undefined
  let output: Output | undefined
  let started = clock.now()
  const tell = (event: DemoEvent): void => output?.tell(event, (clock.now() - started) / 1_000)
  const summarize = (): void => tell(tally.summary(cast.started, [...observer?.multi.mechanisms().keys() ?? []]))
  try {
    await raise(cast, nodes, interrupt.signal)
    started = clock.now()
    output = outputFor(json)
    if ('reason' in multicast) tell({ type: 'note', text: `no multicast on loopback here (${multicast.reason}): going on without mDNS` })
    for (const { peer } of cast.actors) tell({ type: 'node', action: 'join', peer })

    observer = await createObserver(cast.actors.filter(({ isListed }) => isListed).map(({ address }) => address), mdnsPort, multi => {
      tally.listen(multi)
      forward(multi, tell)
      output?.watch?.(multi)
    })
    tell({ type: 'start', nodes, seed, observer: observer.peer, mechanisms: [...observer.multi.mechanisms().keys()] })
    const end = seconds * 1_000
    const play = new Player(cast, observer, tell, seed)
    for (const { at, action } of scenes(nodes, seed, end)) {
      await clock.sleep(started + at - clock.now(), { signal: interrupt.signal })
      await play.act(action)
    }
    await clock.sleep(started + end - clock.now(), { signal: interrupt.signal })
    summarize()
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    if (output == null) process.exitCode = interrupt.exitCode // nothing has begun that could be summed up
    else summarize()
  } finally {
    output?.end()
    output = undefined // the summary is the last word: what taking it all down brings is not the play
    using patience = clock.deadline(STOP_PATIENCE)
    const late = new Promise<void>(resolve => { patience.signal.addEventListener('abort', () => resolve()) })
    await Promise.race([Promise.allSettled([observer?.stop(), cast.end()]), late])
  }
  // Whatever a library still holds open must not keep a finished demo running.
  process.exit(process.exitCode ?? 0)
}

/** Starts everybody who is there from the beginning. */
async function raise (cast: Cast, nodes: number, signal: AbortSignal): Promise<void> {
  const crasher = cast.joinProcess()
  crasher.catch(() => {}) // awaited below
  for (let i = 0; i < opening(nodes); i++) {
    throwIfAborted(signal)
    // A third by mDNS alone, a third by the list alone, a third by both.
    await cast.join({ mdns: i % 3 !== 1, listed: i % 3 !== 2 })
  }
  // A process that is not up yet ends with its channel, that is with us.
  await raceSignal(crasher, signal)
}

function forward (multi: Multi, tell: (event: DemoEvent) => void): void {
  for (const type of ['peer:discovery', 'peer:update', 'peer:expire'] as const) {
    multi.addEventListener(type, ({ detail: { peer, previous, cause } }) => tell({ type, peer, previous, cause }))
  }
}

function outputFor (json: boolean): Output {
  const write = (line: string): void => { process.stdout.write(line) }
  if (json) return jsonOutput(write)
  return process.stdout.isTTY ? tableOutput(process.stdout) : linesOutput(write)
}
