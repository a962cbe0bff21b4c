/**
 * Ten peers that know each other, and an eleventh that joins a quiet network: after how long the ten see it, and it the
 * ten. Ours and theirs on LANs of their own, join by join in turn. Without namespaces ours alone, on loopback.
 */
import { alone, beside, quantile, type Measured } from '../../harness.ts'
import { describeSights, Group, HOSTS } from '../../mdns/newcomers.ts'
import { openStage } from '../../mdns/stage.ts'

const JOINS = 20
/** ms. `@libp2p/mdns` asks every 10 s. */
const DEADLINE = 12_000

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const stage = openStage(HOSTS)
  const { whyNoLan } = stage
  if (whyNoLan !== undefined) progress(`${whyNoLan}: on loopback, without @libp2p/mdns, which would send on every interface`)
  // Its processes cost little while the others' turn is measured.
  const theirStage = whyNoLan === undefined ? openStage(HOSTS) : undefined
  progress('settling …')
  try {
    const [ours, theirs] = await Promise.all([Group.open(stage, false), theirStage == null ? undefined : Group.open(theirStage, true)])
    progress(`${JOINS} joins …`)
    for (let i = 0; i < JOINS; i++) {
      await ours.join(DEADLINE)
      await theirs?.join(DEADLINE)
    }
    progress(`ours: ${describeSights(ours.sights)}`)
    if (theirs != null) progress(`@libp2p/mdns: ${describeSights(theirs.sights)}`)
    yield row('newcomer is seen by ten, p95', ours.sights.seenByOthers, theirs?.sights.seenByOthers)
    yield row('newcomer sees ten, p95', ours.sights.seesOthers, theirs?.sights.seesOthers)
    await Promise.all([ours.close(), theirs?.close()])
  } finally {
    stage.close()
    theirStage?.close()
  }
}

function row (metric: string, ours: number[], theirs: number[] | undefined): Measured {
  return theirs == null
    ? alone(metric, quantile(ours, 0.95), 'ms')
    : beside(metric, 'ms', '@libp2p/mdns', { ours: quantile(ours, 0.95), baseline: quantile(theirs, 0.95) })
}
