/** Heap and external memory per peer after a forced collection, each reading in a process of its own. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { alone, median, repeated, type Measured } from '../../harness.ts'
import type { MemoryReading } from '../../peer-store/memory-child.ts'

const REPEATS = 5

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  progress('memory of 100k peers …')
  const readings: MemoryReading[] = []
  for (let repeat = 0; repeat < REPEATS; repeat++) readings.push(await read())
  yield alone('memory per peer at 100k', median(readings.map(({ held }) => held)), 'bytes')
  yield alone('memory per peer at 100k, once somebody asked for the closest', median(readings.map(({ asked }) => asked)), 'bytes')
  yield alone('memory per peer at 100k, once each was read', median(readings.map(({ read }) => read)), 'bytes')

  progress('memory of 100k peers with signed envelopes …')
  const signed = await repeated(async () => (await read('--records')).held, REPEATS)
  yield alone('memory per peer at 100k, each with a signed envelope', signed, 'bytes')
}

async function read (...flags: string[]): Promise<MemoryReading> {
  const child = fileURLToPath(new URL('../../peer-store/memory-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, ...flags])
  return JSON.parse(stdout) as MemoryReading
}
