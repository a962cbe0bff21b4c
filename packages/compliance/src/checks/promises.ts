/** Clauses on what a mechanism says of itself, and on announcing. */
import { contentRoutingSymbol, peerRoutingSymbol } from '@libp2p/interface'
import { isTtl } from '../snapshot.ts'
import type { Candidate } from '../candidate.ts'
import type { Trial } from '../trial.ts'

export async function statusTrue (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const { mechanism, statuses, heard } = candidate
  const expectState = (states: string[], when: string): void => {
    const { state } = mechanism.status()
    trial.expect(states.includes(state), `${when} the state is ${state}, not ${states.join(' or ')}`)
  }
  const fresh = mechanism.status()
  expectState(['stopped'], 'before start()')
  trial.expect(fresh.sightings === 0 && fresh.rounds === 0 && fresh.failures === 0 && fresh.lastError == null,
    'the counters do not begin at 0, without an error')
  await candidate.start()
  expectState(['running', 'degraded'], 'after start()')
  trial.expect(statuses.length > 0, 'start() emitted no status event')
  await candidate.findsNewcomer()
  await trial.pace.settle()
  const busy = mechanism.status()
  trial.expect(busy.sightings === heard.length, `it gave ${heard.length} sightings and counts ${busy.sightings}`)
  trial.expect(busy.rounds >= candidate.roundsBegun, `it was asked ${candidate.roundsBegun} times and counts ${busy.rounds} rounds`)
  await candidate.stop()
  expectState(['stopped'], 'after stop()')
  const told = statuses.at(-1)?.state
  trial.expect(told === 'stopped', `the last status event said ${told}, and it is stopped`)
  const after = mechanism.status()
  const isKept = (['sightings', 'rounds', 'failures'] as const).every(counter => after[counter] >= busy[counter])
  trial.expect(isKept, 'a counter went back on stop()')
}

export async function failureShows (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.start()
  const { failures } = candidate.mechanism.status()
  await hook(trial, candidate, 'fail', 'failure')()
  const round = candidate.round()
  await trial.pace.until(() => round.ended, trial.roundDeadline)
  const status = candidate.mechanism.status()
  trial.expect(status.failures > failures, `a round was made to fail, and the status counts ${status.failures} failures`)
  trial.expect(status.lastError instanceof Error, 'a round was made to fail, and the status has no lastError')
}

export async function capabilitiesTrue (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const { mechanism } = candidate
  const { capabilities } = mechanism
  const agree = (name: string, said: boolean, is: boolean): void => {
    trial.expect(said === is, `it says ${name}: ${said}, and ${is ? 'can' : 'cannot'}`)
  }
  agree('announce', capabilities.announce, mechanism.announceSelf != null && mechanism.withdrawSelf != null)
  agree('peerRouting', capabilities.peerRouting, mechanism.findPeer != null || mechanism[peerRoutingSymbol] != null)
  agree('contentRouting', capabilities.contentRouting, mechanism[contentRoutingSymbol] != null)
  for (const symbol of [peerRoutingSymbol, contentRoutingSymbol] as const) {
    trial.expect(mechanism[symbol] === mechanism[symbol], `${symbol.description} gives another object each time`)
  }
  const { announce: isDeclared } = trial.supports
  trial.expect(capabilities.announce === isDeclared, `it says announce: ${capabilities.announce}, its setup says ${isDeclared}`)
  await candidate.started()
  await candidate.findsNewcomer()
  const news = candidate.heard.filter(({ by }) => by === 'event').length
  trial.expect(capabilities.passive || news === 0, `it says passive: false, and emitted ${news} sightings`)
}

export async function announce (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.start()
  const granted = await candidate.announce()
  trial.expect(granted != null, 'there is no announceSelf(); add it, or declare supports: { announce: false }')
  trial.expect(granted != null && isTtl(granted.ttl), `announceSelf() granted ttl ${granted?.ttl}, not a finite number greater than 0`)
}

export async function goodbye (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const isAnnounced = hook(trial, candidate, 'announced', 'goodbye')
  await candidate.start()
  await candidate.announce()
  let isHeld = false
  // The outside may need a while to hear it, and may be asked only asynchronously.
  const holds = async (wanted: boolean): Promise<boolean> => {
    for (let i = 0; i < 20; i++) {
      isHeld = await isAnnounced()
      if (isHeld === wanted) return true
      await trial.pace.pass(500)
    }
    return false
  }
  trial.expect(await holds(true), 'announceSelf() resolved, and nobody outside holds the announcement')
  await candidate.withdraw()
  trial.expect(await holds(false), 'withdrawSelf() resolved, and the outside still holds the announcement')
}

/** A hook that the setup owes, unless it declares that it cannot. */
export function hook<K extends 'hostile' | 'fail' | 'announced'> (
  trial: Trial, { subject }: Candidate, name: K, feature: string
): NonNullable<Candidate['subject'][K]> {
  const found = subject[name]
  if (found == null) throw new TypeError(`the subject has no ${name}(); give it one, or declare supports: { ${feature}: false }`)
  return found.bind(subject) as typeof found
}
