import { defineConfig } from 'vitest/config'

/** `ci` adds the slower counts and the real components, `long` the full counts. */
const tier = process.env.PEERWEAVE_TIER ?? 'default'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.spec.ts', 'test/**/*.spec.ts'],
    reporters: ['default', './scripts/summary-reporter.ts'],
    testTimeout: tier === 'long' ? 3_600_000 : 30_000,
    hookTimeout: 60_000,
    // Two cores: more workers only make real-network tests late.
    maxWorkers: 2,
    passWithNoTests: false
  }
})
