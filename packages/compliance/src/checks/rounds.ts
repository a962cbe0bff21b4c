/** Clauses on finding, and on how a round ends. */
import { getEventListeners } from 'node:events'
import { describeError } from '../compliance-error.ts'
import type { PeerId } from '@libp2p/interface'
import type { Candidate } from '../candidate.ts'
import type { Trial } from '../trial.ts'

export async function finds (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const early = await candidate.started()
  const findsAny = await candidate.finds(early) || await candidate.findsNewcomer()
  trial.expect(findsAny, () => `it found nobody where peers are${candidate.failures}`)
}

export async function joiningOrder (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const early = await candidate.started()
  const findsEarly = await candidate.finds(early)
  const findsLate = await candidate.findsNewcomer()
  const [found, missed] = findsEarly ? ['was there before start()', 'came later'] : ['came later', 'was there before start()']
  trial.expect(findsEarly === findsLate, `it found the peer that ${found}, but not the one that ${missed}`)
}

export async function abortedBefore (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const id = await candidate.started()
  const signal = AbortSignal.abort(new Error('given up before'))
  for (const [name, ask] of questions(candidate, id)) {
    const { rounds } = candidate.mechanism.status()
    const pending = candidate.world.clock.pending
    const question = ask(signal)
    await trial.pace.until(() => question.ended, 0)
    trial.expect(question.ended, `${name} waited, though its signal had fired before`)
    trial.expect(isAbortError(question.error), () => `${name} with a signal that had fired ${outcome(question)} instead of an AbortError`)
    const worked = candidate.mechanism.status().rounds > rounds || candidate.world.clock.pending > pending
    trial.expect(!worked, `${name} began to work, though its signal had fired before`)
  }
}

/** A question is aborted after 0, 1, 2 … promise turns, after some turns of the event loop, and after some time (ms). */
const PROMISE_TURNS = 16
const LATER = [1, 10, 100, 1_000]

export async function abortAnywhere (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const id = await candidate.started()
  const moments = new Map<string, () => Promise<void>>()
  for (let turns = 0; turns < PROMISE_TURNS; turns++) {
    moments.set(`${turns} promise turns`, async () => promiseTurns(turns))
  }
  moments.set('some loop turns', trial.pace.settle)
  for (const ms of LATER) moments.set(`${ms} ms`, async () => trial.pace.pass(ms))
  for (const [name, ask] of questions(candidate, id)) {
    for (const [moment, reach] of moments) {
      if (await endsBy(ask, reach)) continue
      const controller = new AbortController()
      const question = ask(controller.signal)
      await reach()
      if (question.ended) continue
      controller.abort(new Error('given up'))
      await trial.pace.until(() => question.ended, 0)
      trial.expect(question.ended, `${name}, aborted after ${moment}, did not end`)
      // An announcement may be past its last wait; what is done is done.
      const isDone = name === 'announceSelf' && question.error == null
      const isFair = isDone || isAbortError(question.error)
      trial.expect(isFair, () => `${name}, aborted after ${moment}, ${outcome(question)} instead of an AbortError`)
    }
  }
}

export async function signalsReleased (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const id = await candidate.started()
  for (const [name, ask] of questions(candidate, id)) {
    const { signal } = new AbortController()
    const question = ask(signal)
    await trial.pace.until(() => question.ended, trial.roundDeadline)
    if (!question.ended) {
      question.abandon()
      continue
    }
    await expectReleased(trial, signal, `${name} had ended`)
  }
  const { signal } = new AbortController()
  const suspended = candidate.round({ signal }, 1)
  await trial.pace.until(() => suspended.given.length > 0 || suspended.ended, trial.roundDeadline)
  await candidate.stop()
  await expectReleased(trial, signal, 'the mechanism was stopped in the middle of a round')
}

export async function earlyExit (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.started()
  const { clock } = candidate.world
  const { signal } = new AbortController()
  const pending = clock.pending
  for (let i = 0; i < EXITS; i++) {
    const round = candidate.round({ signal }, 1)
    if (!await trial.pace.until(() => round.given.length > 0, trial.roundDeadline)) return round.abandon()
    await trial.settled('a round that was left with `break`', round.leave(), 0)
    await expectReleased(trial, signal, 'a round was left with `break`')
  }
  await trial.pace.settle()
  // The mechanism's own timers come and go meanwhile; a leak is one more with every exit.
  const added = clock.pending - pending
  trial.expect(added < EXITS, `${EXITS} rounds left with \`break\` left ${added} timers behind`)
}

const EXITS = 4

export async function deadline (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.started()
  const round = candidate.round()
  await trial.pace.until(() => round.ended, trial.roundDeadline)
  trial.expect(round.ended, () => `a round was still under way after ${trial.roundDeadline} ms, with ${round.given.length} sightings`)
}

const LIMIT = 2

export async function limit (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  for (let i = 0; i < LIMIT + 2; i++) await candidate.subject.provoke()
  await candidate.start()
  const round = candidate.round({ limit: LIMIT })
  await trial.pace.until(() => round.ended || round.given.length > LIMIT, trial.roundDeadline)
  trial.expect(round.given.length <= LIMIT, `asked for ${LIMIT} sightings, it gave ${round.given.length}`)
  trial.expect(round.given.length < LIMIT || round.ended, `a round stayed open after the ${LIMIT} sightings it was asked for`)
}

export async function stopEndsRounds (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.started()
  const round = candidate.round()
  await trial.pace.settle()
  await candidate.stop()
  await trial.pace.until(() => round.ended, 0)
  trial.expect(round.ended, 'a round is still waiting after stop()')
}

interface Question {
  readonly ended: boolean
  readonly error?: unknown
  abandon: () => void
}

type Ask = (signal: AbortSignal) => Question

/** Everything that takes a signal and waits. */
function questions (candidate: Candidate, id: PeerId): Map<string, Ask> {
  const { mechanism, world: { self, context } } = candidate
  const { findPeer, announceSelf } = mechanism
  const asks = new Map<string, Ask>([['discoverPeers', signal => candidate.round({ signal })]])
  if (findPeer != null) asks.set('findPeer', signal => candidate.pulled(() => findPeer.call(mechanism, id, { signal })))
  if (announceSelf != null) {
    const record = { peerId: self, multiaddrs: context.ports.host.addresses() }
    asks.set('announceSelf', signal => promised(announceSelf.call(mechanism, record, { signal })))
  }
  return asks
}

/** Whether an undisturbed question is over by then, or so nearly that an abort would come too late. */
async function endsBy (ask: Ask, reach: () => Promise<void>): Promise<boolean> {
  const question = ask(new AbortController().signal)
  await reach()
  await promiseTurns(PROMISE_TURNS)
  question.abandon()
  return question.ended
}

async function promiseTurns (count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

function promised (work: Promise<unknown>): Question {
  const question: { ended: boolean, error?: unknown, abandon: () => void } = { ended: false, abandon: () => {} }
  work.then(() => { question.ended = true }, error => {
    question.error = error
    question.ended = true
  })
  return question
}

async function expectReleased (trial: Trial, signal: AbortSignal, when: string): Promise<void> {
  // Node's own count: it sees every way of listening, `{ signal }` options and AbortSignal.any included.
  const count = (): number => getEventListeners(signal, 'abort').length
  await trial.pace.until(() => count() === 0, 0)
  trial.expect(count() === 0, () => `after ${when}, ${count()} listeners are left on the signal it was given`)
}

function isAbortError (error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function outcome ({ error }: Question): string {
  return error == null ? 'ended as if nothing had happened' : `threw ${describeError(error)}`
}
