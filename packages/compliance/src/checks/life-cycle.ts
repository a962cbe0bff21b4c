/** Clauses on construction, start and stop. */
import { more, type Candidate } from '../candidate.ts'
import { describeError } from '../compliance-error.ts'
import { PATIENCE } from '../pace.ts'
import type { RoundRun } from '../round-run.ts'
import type { Trial } from '../trial.ts'

export async function noWorkInConstructor (trial: Trial): Promise<void> {
  const { constructorWork } = await trial.candidate()
  trial.expect(constructorWork.length === 0, () => `the constructor took ${constructorWork.join(', ')}`)
}

export async function startIdempotent (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.start()
  await trial.pace.settle()
  const once = candidate.holdings()
  await trial.settled('three starts at once', Promise.all([candidate.start(), candidate.start(), candidate.start()]))
  await trial.pace.settle()
  const added = more(once, candidate.holdings())
  trial.expect(added.length === 0, () => `starting again took ${added.join(', ')}`)
}

export async function stopIdempotent (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.started()
  await trial.settled('two stops at once', Promise.all([candidate.stop(), candidate.stop()]))
  await candidate.stop()
  trial.expect(!await isAsking(trial, candidate), 'it still answers questions after three stops')
}

export async function stopBeforeStart (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.stop()
  await candidate.start()
  const { error } = await briefRound(trial, candidate)
  trial.expect(!isNotStarted(error), 'stop() came before start(), and it does not run')
}

export async function stopWhileStarting (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const starting = candidate.start().catch(() => {}) // being told to give up is a fair reason to reject
  await candidate.stop()
  await trial.settled('a start() that was stopped', starting)
  trial.expect(!await isAsking(trial, candidate), 'it runs after stop() overtook start()')
}

export async function restart (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.start()
  if (!await candidate.findsNewcomer()) return
  await candidate.stop()
  const since = candidate.heard.length
  await candidate.start()
  const findsAgain = await candidate.findsNewcomer(since)
  trial.expect(findsAgain, () => `it found a peer, was stopped and started, and found nobody${candidate.failures}`)
}

export async function silentBeforeStart (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.subject.provoke()
  await trial.pace.pass(PATIENCE)
  expectSilence(trial, candidate, 'before start()')
}

export async function silentAfterStop (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.started()
  candidate.round()
  await candidate.stop()
  await candidate.subject.provoke()
  await trial.pace.pass(PATIENCE)
  await trial.pace.settle()
  expectSilence(trial, candidate, 'after stop()')
}

export async function nothingLeftAfterStop (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.finds(await candidate.started())
  // One round that is waiting for news, and one whose reader went away after the first.
  const waiting = candidate.round()
  candidate.round(undefined, 1)
  await candidate.announce()
  await trial.pace.pass(1_000)
  await candidate.stop()
  let left: string[] = []
  await trial.pace.until(() => {
    left = more(candidate.initial, candidate.holdings())
    return left.length === 0 && waiting.ended
  }, 0)
  trial.expect(left.length === 0, () => `after stop() there is still ${left.join(', ')}`)
}

export async function notStarted (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  for (const moment of ['before start()', 'after stop()']) {
    if (moment === 'after stop()') {
      await candidate.start()
      await candidate.stop()
    }
    const { ended, error, given } = await briefRound(trial, candidate)
    const seen = (): string => !ended ? 'waited' : error == null ? `gave ${given.length} sightings` : `threw ${describeError(error)}`
    trial.expect(ended && isNotStarted(error), () => `a round ${moment} ${seen()} instead of throwing a NotStartedError`)
  }
}

/** A round as far as it comes without time passing. */
async function briefRound (trial: Trial, candidate: Candidate): Promise<RoundRun> {
  const round = candidate.round()
  await trial.pace.until(() => round.ended, 0)
  round.abandon()
  return round
}

/** Whether it still works on questions; how it refuses them is for `not-started` to say. */
async function isAsking (trial: Trial, candidate: Candidate): Promise<boolean> {
  const { ended, given } = await briefRound(trial, candidate)
  return !ended || given.length > 0
}

function isNotStarted (error: unknown): boolean {
  return error instanceof Error && error.name === 'NotStartedError'
}

/** Nothing was emitted since stop resolved; before the first stop: nothing at all. */
function expectSilence (trial: Trial, { heard, statuses, atStop }: Candidate, when: string): void {
  const sighting = heard.slice(atStop.heard).find(({ by }) => by === 'event')
  trial.expect(sighting == null, () => `${when} it emitted the sighting ${sighting?.looked}`)
  const status = statuses[atStop.statuses]
  trial.expect(status == null, `${when} it emitted the status ${status?.state}`)
}
