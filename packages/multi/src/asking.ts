/** One question to many lanes: to all at once, or to the most worthwhile first. */
import { NoAnswersError, safeText, toError, untilAborted, type Clock, type DiscoverOptions, type Sighting } from '@peerweave/interface'
import { FairMix } from './fair-mix.ts'
import type { PeerId } from '@libp2p/interface'
import type { Lane } from './lane.ts'

/** A sighting that was taken into the view: it is of somebody. */
export type Taken = Exclude<Sighting, { kind: 'endpoint' }>

export interface Question extends DiscoverOptions {
  clock: Clock
  signal: AbortSignal
  /**
   * Peers that the asker wants. With a number the most worthwhile lane is asked alone; the next one beside it when it
   * takes longer than it usually does, or has ended. @default Infinity: all at once
   */
  need?: number | undefined
  /** Looks this one up, where the mechanism can. */
  peer?: PeerId | undefined
}

/**
 * What the lanes' rounds take into the view, in turn, until all have ended or the signal fires. A lane that fails is
 * left out. Leaving it ends the rounds.
 *
 * @throws NoAnswersError, at the end, when every lane failed and nothing came of any
 */
export async function * ask (lanes: readonly Lane[], { clock, need = Infinity, peer, ...options }: Question): AsyncGenerator<Taken> {
  if (lanes.length === 0) return
  const [first] = lanes
  if (lanes.length === 1 && first != null) {
    yield * alone(first, { peer, ...options })
    return
  }
  const left = new AbortController()
  using until = clock.deadline(Infinity, options.signal, left.signal)
  const errors = new Map<string, Error>()
  const mix = new FairMix<Sighting>(clock)
  const canFind = ({ mechanism }: Lane): number => Number(peer != null && mechanism.findPeer != null)
  const waiting = [...lanes].sort((one, other) => canFind(other) - canFind(one) || other.worth - one.worth)
  let hedge = clock.setTimeout(() => {}, 0)
  const askNext = (): void => {
    hedge.cancel()
    const lane = waiting.shift()
    if (lane == null) return
    mix.add(answers(lane))
    if (waiting.length === 0) mix.close()
    else hedge = clock.setTimeout(askNext, lane.hedge)
  }
  async function * answers (lane: Lane): AsyncGenerator<Sighting> {
    try {
      yield * lane.round({ ...options, signal: until.signal, peer })
    } catch (error) {
      errors.set(lane.name, toError(error))
    }
    // It did not give enough, or the asker would have left.
    askNext()
  }
  do askNext(); while (need === Infinity && waiting.length > 0)
  let given = 0
  try {
    for await (const sighting of untilAborted(mix, options.signal)) {
      given++
      yield sighting as Taken
    }
  } finally {
    hedge.cancel()
    left.abort()
  }
  if (given === 0 && errors.size === lanes.length) throw noAnswers(errors)
}

/** With one lane there is nothing to choose, and nothing to mix. */
async function * alone (lane: Lane, options: Omit<Question, 'clock' | 'need'>): AsyncGenerator<Taken> {
  let given = 0
  try {
    for await (const sighting of lane.round(options)) {
      given++
      yield sighting as Taken
    }
  } catch (error) {
    if (given === 0) throw noAnswers(new Map([[lane.name, toError(error)]]))
  }
}

function noAnswers (errors: ReadonlyMap<string, Error>): NoAnswersError {
  const causes = [...errors].map(([name, { message }]) => `${safeText(name)} (${safeText(message)})`)
  return new NoAnswersError(`every mechanism failed: ${causes.join(', ')}`, errors)
}
