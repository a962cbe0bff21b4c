#!/usr/bin/env node
/** The `peerweave` command. Each subcommand is a file of its own, loaded when it is called. */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { program } from './program.ts'

if (process.argv[1] != null && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // A reader that went away (`| head`) is no error.
  process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1))
  try {
    await program().parseAsync()
  } catch (error) {
    console.error(`peerweave: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
