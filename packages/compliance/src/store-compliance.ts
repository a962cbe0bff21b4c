/** Hands the store clauses to a test runner. */
import { storeClauses } from './store-clauses.ts'
import { runStoreTrial, storeSupports } from './store-trial.ts'
import type { TestRunner } from './runner.ts'
import type { PeerStoreSetup } from './store-setup.ts'

/** Defines one test per clause of the peer store contract. */
export function peerStoreCompliance ({ describe, it }: TestRunner, setup: PeerStoreSetup): void {
  const supports = storeSupports(setup)
  describe(`${setup.name} keeps the peer store contract`, () => {
    for (const { id, sentence, needs, check } of storeClauses) {
      const missing = needs.filter(feature => !supports[feature])
      const run = async (): Promise<void> => runStoreTrial(setup, id, check)
      if (missing.length === 0) it(`${id}: ${sentence}`, run)
      else it.skip(`${id}: ${sentence} (${setup.name} does not support ${missing.join(', ')})`, run)
    }
  })
}
