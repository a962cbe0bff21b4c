/** `peerweave demo`: real nodes on loopback, found by bootstrap and by mDNS while they come and go. */
import { seededRng, systemClock, systemRng } from '@peerweave/interface'
import { Cast, type Actor } from './cast.ts'
import { STOP_PATIENCE } from './constants.ts'
import { jsonOutput } from './output-json.ts'
import { linesOutput } from './output-lines.ts'
import { tableOutput } from './output-table.ts'
import { probeLoopbackMulticast } from './multicast.ts'
import { createObserver, type Observer } from './observer.ts'
import { Tally } from './tally.ts'
import { opening, scenes, type Action } from './timeline.ts'
import type { DemoEvent, Output } from './events.ts'
import type { Multi } from '@peerweave/multi'

export interface DemoOptions {
  nodes: number
  /** Seconds. */
  for?: number | undefined
  seed?: number | undefined
  json?: boolean | undefined
}

export async function demo ({ nodes, for: seconds = Infinity, seed = systemRng().int(2 ** 31), json = false }: DemoOptions): Promise<void> {
  const clock = systemClock()
  const interrupt = new AbortController()
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(130) // asked twice: at once
    interrupt.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)

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
    summarize()
  } finally {
    output?.end()
    using patience = clock.deadline(STOP_PATIENCE)
    const late = new Promise<void>(resolve => { patience.signal.addEventListener('abort', () => resolve()) })
    await Promise.race([Promise.allSettled([observer?.stop(), cast.end()]), late])
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
  // Whatever a library still holds open must not keep a finished demo running.
  process.exit(process.exitCode ?? 0)
}

/** Starts everybody who is there from the beginning. */
async function raise (cast: Cast, nodes: number, signal: AbortSignal): Promise<void> {
  const crasher = cast.joinProcess()
  crasher.catch(() => {}) // awaited below
  for (let i = 0; i < opening(nodes).nodes && !signal.aborted; i++) {
    // A third by mDNS alone, a third by the list alone, a third by both.
    await cast.join({ mdns: i % 3 !== 1, listed: i % 3 !== 2 })
  }
  await crasher
}

/** Plays the scenes on the cast. */
class Player {
  readonly #cast: Cast
  readonly #observer: Observer
  readonly #tell: (event: DemoEvent) => void
  readonly #rng: ReturnType<typeof seededRng>

  constructor (cast: Cast, observer: Observer, tell: (event: DemoEvent) => void, seed: number) {
    this.#cast = cast
    this.#observer = observer
    this.#tell = tell
    this.#rng = seededRng(seed)
  }

  async act (action: Action): Promise<void> {
    switch (action) {
      case 'join':
        return this.#welcome(await this.#cast.join({ mdns: true, listed: this.#rng.int(2) === 0 }))
      case 'join-process':
        return this.#welcome(await this.#cast.joinProcess())
      case 'leave': {
        const actor = this.#pick(({ crash }) => crash == null)
        if (actor == null) return
        this.#tell({ type: 'node', action: 'leave', peer: actor.peer })
        return this.#cast.leave(actor)
      }
      case 'crash': {
        const actor = this.#pick(({ crash }) => crash != null)
        if (actor == null) return
        this.#tell({ type: 'node', action: 'crash', peer: actor.peer })
        actor.crash?.()
      }
    }
  }

  #welcome ({ peer, address, isListed }: Actor): void {
    this.#tell({ type: 'node', action: 'join', peer })
    if (isListed) this.#observer.list(address)
  }

  #pick (filter: (actor: Actor) => boolean): Actor | undefined {
    const fitting = this.#cast.actors.filter(filter)
    return fitting[this.#rng.int(Math.max(1, fitting.length))]
  }
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
