/** Hands the clauses to a test runner. */
import { clauses } from './clauses.ts'
import { runTrial } from './trial.ts'
import type { TestRunner } from './runner.ts'
import type { MechanismSetup } from './setup.ts'

/**
 * Defines one test per clause of the mechanism contract. The tests must not run concurrently with others of the same
 * process: they watch its timers, handles and uncaught errors.
 */
export function mechanismCompliance ({ describe, it }: TestRunner, setup: MechanismSetup): void {
  describe(`${setup.name} keeps the mechanism contract`, () => {
    for (const { id, sentence, needs, check } of clauses) {
      const missing = needs.filter(feature => setup.supports?.[feature] === false)
      const run = async (): Promise<void> => runTrial(setup, id, check)
      if (missing.length === 0) it(`${id}: ${sentence}`, run)
      else it.skip(`${id}: ${sentence} (${setup.name} does not support ${missing.join(', ')})`, run)
    }
  })
}
