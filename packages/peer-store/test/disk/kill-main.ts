/**
 * Run as a process of its own, and killed. Each round changes ten records together and says so once they are on disk.
 * With `hold` it only holds the log.
 */
import { systemClock } from '@peerweave/interface'
import { openLog } from '../../src/disk/durable-log.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'

const [path, mode] = process.argv.slice(2)
const { log } = await openLog({ disk: nodeDisk(), path: path as string, clock: systemClock() })
process.stdout.write('open\n')
if (mode === 'hold') {
  await new Promise(() => { setInterval(() => {}, 1_000) })
} else {
  for (let round = 1; ; round++) {
    for (let i = 0; i < 10; i++) log.put(`peer/${i}`, new TextEncoder().encode(`${round} `.repeat(40)))
    log.put(`round/${String(round).padStart(9, '0')}`, Uint8Array.of(1))
    await log.flush()
    process.stdout.write(`${round}\n`)
  }
}
