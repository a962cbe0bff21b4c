/** What the tests of the log on disk share. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@peerweave/interface'
import { onTestFinished } from 'vitest'
import { openLog, type DurableLogInit, type OpenedLog } from '../../src/disk/durable-log.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'

const tier = process.env.PEERWEAVE_TIER ?? 'default'

export function byTier (counts: { default: number, ci: number, long: number }): number {
  return counts[tier === 'ci' || tier === 'long' ? tier : 'default']
}

/** Gone after the test. */
export function tempFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'peerweave-disk-'))
  onTestFinished(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}

/** On the real disk and clock. Closed after the test. */
export async function openReal (path: string, init: Partial<DurableLogInit> = {}): Promise<OpenedLog> {
  const opened = await openLog({ disk: nodeDisk(), path, clock: systemClock(), ...init })
  onTestFinished(async () => { await opened.log.close().catch(() => {}) })
  return opened
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (value: Uint8Array | undefined): string | undefined => value == null ? undefined : new TextDecoder().decode(value)

/** A file system of its own, unmounted after the test. Root only. */
export function mountTmpfs (size: string): string {
  const folder = tempFolder()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'pipe' })
  onTestFinished(() => { execFileSync('umount', ['-l', folder]) })
  return folder
}

/** Why this machine does not let us mount; nothing when it does. */
export function whyNoMount (): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'peerweave-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' })
    execFileSync('umount', [folder])
    return undefined
  } catch (error) {
    return `no mount: ${String(error).split('\n')[0]}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
