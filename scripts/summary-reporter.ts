/** Prints the plain closing line that any CI can read, whatever it knows of vitest: `N passed, N failed, N skipped`. */
import type { Reporter, TestModule } from 'vitest/node'

export default class SummaryReporter implements Reporter {
  onTestRunEnd (modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[test.result().state]++
      // A file that did not even load holds no test that could fail.
      if (module.errors().length > 0) counts.failed++
    }
    // A rejection that no test waited for fails the run, so it must show here too.
    counts.failed += unhandledErrors.length
    console.log(`${counts.passed} passed, ${counts.failed + counts.pending} failed, ${counts.skipped} skipped`)
  }
}
