/** One question to every lane at once. */
import { NoAnswersError, safeText, toError, untilAborted, type DiscoverOptions, type Sighting } from '@peerweave/interface'
import merge from 'it-merge'
import type { Lane } from './lane.ts'

/** A sighting that was taken into the view: it is of somebody. */
export type Taken = Exclude<Sighting, { kind: 'endpoint' }>

/**
 * What the lanes' rounds take into the view, in order of arrival, until all have ended or the signal fires. A lane that
 * fails is left out.
 *
 * @throws NoAnswersError, at the end, when every lane failed and nothing came of any
 */
export async function * askAll (lanes: readonly Lane[], options: DiscoverOptions & { signal: AbortSignal }): AsyncGenerator<Taken> {
  if (lanes.length === 0) return
  const errors = new Map<string, Error>()
  let given = 0
  const rounds = lanes.map(lane => round(lane, options, errors))
  for await (const sighting of untilAborted(merge(...rounds), options.signal)) {
    given++
    yield sighting
  }
  if (given === 0 && errors.size === lanes.length) throw noAnswers(errors)
}

async function * round (lane: Lane, options: DiscoverOptions, errors: Map<string, Error>): AsyncGenerator<Taken> {
  try {
    yield * lane.round(options) as AsyncGenerator<Taken>
  } catch (error) {
    errors.set(lane.name, toError(error))
  }
}

function noAnswers (errors: ReadonlyMap<string, Error>): NoAnswersError {
  const causes = [...errors].map(([name, { message }]) => `${safeText(name)} (${safeText(message)})`)
  return new NoAnswersError(`every mechanism failed: ${causes.join(', ')}`, errors)
}
