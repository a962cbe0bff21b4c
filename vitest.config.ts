import { existsSync } from 'node:fs'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

/** `ci` adds the slower counts and the real components, `long` the full counts. */
const tier = process.env.PEERWEAVE_TIER ?? 'default'

/** The machine's own browser: none is downloaded for tests. */
const chromium = (process.env.CHROMIUM_PATH != null
  ? [process.env.CHROMIUM_PATH]
  : [
      '/usr/bin/chromium',
      '/usr/bin/google-chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe'
    ]).find(path => existsSync(path))

const inBrowser = 'packages/*/test/browser/**/*.spec.ts'

export default defineConfig({
  test: {
    reporters: ['default', './scripts/summary-reporter.ts'],
    testTimeout: tier === 'long' ? 3_600_000 : 30_000,
    hookTimeout: 60_000,
    // Two cores: more workers only make real-network tests late.
    maxWorkers: 2,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['packages/*/test/**/*.spec.ts', 'test/**/*.spec.ts'],
          // Without a browser its tests are run here all the same: they skip, and say so.
          exclude: chromium == null ? [] : [inBrowser]
        }
      },
      ...chromium == null ? [] : [{
        extends: true as const,
        test: {
          name: 'browser',
          include: [inBrowser],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{ browser: 'chromium' as const }],
            provider: playwright({
              // Without its sandbox, which root and containers do not have: it loads nothing but our own tests.
              launchOptions: { executablePath: chromium, chromiumSandbox: false }
            })
          }
        }
      }]
    ]
  }
})
