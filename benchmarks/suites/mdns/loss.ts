/**
 * As `joins`, once the ten know each other, with three in ten packets lost: each receiver loses them on its own, so of
 * one multicast some get it and others do not, and queries, answers and fragments are lost alike. Several LANs at the
 * same time, each by itself, for the sake of joins that take long.
 */
import { beside, quantile, type Measured, type Result } from '../../harness.ts'
import { allSights, describeSights, Group, HOSTS } from '../../mdns/newcomers.ts'
import { openStage, type Stage } from '../../mdns/stage.ts'

const LOSS = 0.3
/** Of each of the two. */
const LANS = 2
const JOINS_EACH = 15
/** ms. `@libp2p/mdns` asks every 10 s. */
const DEADLINE = 12_000

const SEEN_HALF = 'newcomer is seen by ten at 30 % loss, p50'
const SEEN_MOST = 'newcomer is seen by ten at 30 % loss, p90'
const SEES_HALF = 'newcomer sees ten at 30 % loss, p50'
const SEES_MOST = 'newcomer sees ten at 30 % loss, p90'

export async function * run (progress: (text: string) => void): AsyncGenerator<Result> {
  const stages: Stage[] = []
  try {
    for (let i = 0; i < 2 * LANS; i++) stages.push(openStage(HOSTS))
    const reason = whyNoLoss(stages)
    if (reason !== undefined) {
      for (const metric of [SEEN_HALF, SEEN_MOST, SEES_HALF, SEES_MOST]) yield { metric, skipped: reason }
      return
    }
    progress('settling …')
    const groups = await Promise.all(stages.map(async (stage, i) => Group.open(stage, i >= LANS)))
    progress(`${LANS * JOINS_EACH} joins each …`)
    await Promise.all(groups.map(async (group, i) => {
      stages[i]?.setLoss(LOSS)
      for (let join = 0; join < JOINS_EACH; join++) await group.join(DEADLINE)
    }))
    const [ours, theirs] = [allSights(groups.slice(0, LANS)), allSights(groups.slice(LANS))]
    progress(`ours: ${describeSights(ours)}`)
    progress(`@libp2p/mdns: ${describeSights(theirs)}`)
    const row = (metric: string, share: number, sights: keyof typeof ours): Measured =>
      beside(metric, 'ms', '@libp2p/mdns', { ours: quantile(ours[sights], share), baseline: quantile(theirs[sights], share) })
    yield row(SEEN_HALF, 0.5, 'seenByOthers')
    yield row(SEEN_MOST, 0.9, 'seenByOthers')
    yield row(SEES_HALF, 0.5, 'seesOthers')
    yield row(SEES_MOST, 0.9, 'seesOthers')
    await Promise.all(groups.map(group => group.close()))
  } finally {
    for (const stage of stages) stage.close()
  }
}

function whyNoLoss (stages: readonly Stage[]): string | undefined {
  try {
    // Tried before anything is started, and taken off again: they are to know each other first.
    for (const stage of stages) {
      stage.setLoss(LOSS)
      stage.setLoss(0)
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
