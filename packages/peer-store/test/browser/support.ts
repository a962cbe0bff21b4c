/** What the tests in a browser share. vitest.config.ts runs them in Chromium, or where there is none in Node, to be skipped. */
import { systemClock } from '@peerweave/interface'
import { onTestFinished } from 'vitest'
import { browserDisk } from '../../src/disk/browser-disk.ts'
import { openLog, type DurableLogInit, type OpenedLog } from '../../src/disk/durable-log.ts'

/** Why there is no browser; nothing when this is one. */
export const reason: string | undefined = typeof document === 'undefined' ? 'no Chromium: install it, or name it in CHROMIUM_PATH' : undefined
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
if (reason !== undefined) console.warn(`skipped, tests in a browser: ${reason}`)

/** That no other test has. */
export function freshPath (): string {
  return `test/${crypto.randomUUID()}`
}

/** On the real disk and clock. Closed after the test. */
export async function openInBrowser (path: string, init: Partial<DurableLogInit> = {}): Promise<OpenedLog> {
  const opened = await openLog({ disk: browserDisk(), path, clock: systemClock(), ...init })
  onTestFinished(async () => { await opened.log.close().catch(() => {}) })
  return opened
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (value: Uint8Array | undefined): string | undefined => value == null ? undefined : new TextDecoder().decode(value)
