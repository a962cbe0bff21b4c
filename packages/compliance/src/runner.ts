/** The test runner is handed in: what the suite needs of one, and one that only collects. */

/** Structural, so that vitest, mocha and node:test fit as they are: `{ describe, it }`. */
export interface TestRunner {
  describe: (name: string, fn: () => void) => unknown
  it: {
    (name: string, fn: () => Promise<void>): unknown
    /** Shows the test as skipped. */
    skip: (name: string, fn: () => Promise<void>) => unknown
  }
}

export interface TestResult {
  name: string
  outcome: 'passed' | 'failed' | 'skipped'
  /** Why it failed: a `ComplianceError` where the suite found a broken clause. */
  error?: unknown
}

/**
 * Runs a suite without a test runner, one test after another, and resolves with what came of each.
 *
 * @example
 * ```ts
 * const results = await collect(runner => mechanismCompliance(runner, setup))
 * console.log(results.filter(({ outcome }) => outcome === 'failed'))
 * ```
 */
export async function collect (suite: (runner: TestRunner) => void): Promise<TestResult[]> {
  const results: TestResult[] = []
  const tests: Array<() => Promise<void>> = []
  const it: TestRunner['it'] = Object.assign((name: string, fn: () => Promise<void>) => {
    tests.push(async () => {
      try {
        await fn()
        results.push({ name, outcome: 'passed' })
      } catch (error) {
        results.push({ name, outcome: 'failed', error })
      }
    })
  }, {
    skip: (name: string) => { tests.push(async () => { results.push({ name, outcome: 'skipped' }) }) }
  })
  suite({ describe: (_name, fn) => fn(), it })
  for (const test of tests) await test()
  return results
}
