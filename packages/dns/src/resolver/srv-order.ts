/**
 * The order in which the targets of a service are to be tried.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2782 "Usage rules" and the definition of Weight
 */
import { shuffle, type Rng } from '@peerweave/interface'

interface Ranked {
  readonly priority: number
  readonly weight: number
}

/**
 * Lowest priority first; within one, a draw by weight in which those of weight 0 have a very small chance. Takes as much
 * work as is read of it.
 */
export function * srvOrder<Srv extends Ranked> (records: Iterable<Srv>, rng: Rng): Generator<Srv> {
  const byPriority = new Map<number, Srv[]>()
  for (const record of records) {
    const group = byPriority.get(record.priority)
    if (group == null) byPriority.set(record.priority, [record])
    else group.push(record)
  }
  for (const priority of [...byPriority.keys()].sort((one, other) => one - other)) {
    yield * weighted(byPriority.get(priority) ?? [], rng)
  }
}

/**
 * RFC 2782: "arrange all SRV RRs (that have not been ordered yet) in any order, except that all those with weight 0 are
 * placed at the beginning of the list", draw a number from 0 to the sum of the weights, both included, and take the first
 * whose running sum is not less. "Any order" is a random one here, or the first of equals would always be first.
 */
function * weighted<Srv extends Ranked> (group: readonly Srv[], rng: Rng): Generator<Srv> {
  const left = shuffle(rng, group).sort((one, other) => Number(one.weight > 0) - Number(other.weight > 0))
  let sum = left.reduce((sum, { weight }) => sum + weight, 0)
  while (left.length > 0) {
    const drawn = Math.floor(rng.float() * (sum + 1))
    let running = 0
    const at = left.findIndex(({ weight }) => (running += weight) >= drawn)
    const [record] = left.splice(at, 1) as [Srv]
    sum -= record.weight
    yield record
  }
}
