/** A `multi` without a network, over a mechanism whose next round says what it was told to. */
import { complianceContext } from '@peerweave/compliance'
import { defineMechanism, type MechanismContext, type Sighting } from '@peerweave/interface'
import { multi, type Multi, type MultiOptions } from '@peerweave/multi'

export interface Told {
  multi: Multi
  /** Yielded by the next round. */
  answers: Sighting[]
}

/** Not started. The rates at which signatures are verified are fresh. */
export async function told (options: Partial<MultiOptions> = {}): Promise<Told> {
  const told: { answers: Sighting[] } = { answers: [] }
  const mechanism = (context: MechanismContext): ReturnType<typeof defineMechanism> => defineMechanism(context, {
    name: 'told',
    type: 'told',
    async * round () { yield * told.answers }
  })
  const made = multi({ mechanisms: [mechanism], interval: Infinity, maxPeersPerRound: 8_192, warmStart: 0, ...options })(await complianceContext())
  return Object.assign(told, { multi: made })
}
