/** Clauses on living with strangers, with a second instance and with an injected clock. */
import { hook } from './promises.ts'
import type { Trial } from '../trial.ts'

export async function hostileInput (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  const hostile = hook(trial, candidate, 'hostile', 'hostile')
  await candidate.start()
  if (!await candidate.findsNewcomer()) return
  await hostile()
  trial.expect(await candidate.findsNewcomer(), () => `it found a peer, met hostile input, and found nobody${candidate.failures}`)
  const { dropped } = candidate.mechanism.status()
  const count = Object.values(dropped).reduce((sum, n) => sum + n, 0)
  trial.expect(count > 0, 'it met hostile input, and its status counts nothing dropped')
}

export async function instancesApart (trial: Trial): Promise<void> {
  const [stayer, guest] = [await trial.candidate(), await trial.candidate()]
  await stayer.start()
  if (!await stayer.findsNewcomer()) return
  const expectFinding = async (what: string): Promise<void> => {
    const stillFinds = await stayer.findsNewcomer()
    trial.expect(stillFinds, () => `another instance in the same process was ${what}, and this one found nobody${stayer.failures}`)
  }
  await guest.start()
  await expectFinding('started')
  await guest.findsNewcomer()
  await guest.stop()
  await expectFinding('stopped')
}

export async function clockAndRngOnly (trial: Trial): Promise<void> {
  const candidate = await trial.candidate()
  await candidate.finds(await candidate.started())
  await candidate.announce()
  const round = candidate.round()
  await trial.pace.until(() => round.ended, trial.roundDeadline)
  await candidate.withdraw()
  await candidate.stop()
  const { calls } = trial.watch
  trial.expect(calls.length === 0, () => `it used the platform's time or chance (was \`clock\` handed to defineMechanism?): ${calls.slice(0, 5).join('; ')}`)
}
