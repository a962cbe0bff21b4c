/**
 * Run as a worker, which is to Web Locks and IndexedDB what another tab is, and may end as suddenly. Each round changes
 * ten records together and says so once they are on disk; `hold` only holds the log.
 */
import { systemClock, toError } from '@peerweave/interface'
import { browserDisk } from '../../src/disk/browser-disk.ts'
import { openLog } from '../../src/disk/durable-log.ts'

addEventListener('message', ({ data }: MessageEvent<{ path: string, mode: 'hold' | 'write' }>) => {
  run(data.path, data.mode).catch(error => { postMessage(`${toError(error).name}: ${toError(error).message}`) })
})

async function run (path: string, mode: 'hold' | 'write'): Promise<void> {
  const { log } = await openLog({ disk: browserDisk(), path, clock: systemClock() })
  postMessage('open')
  for (let round = 1; mode === 'write'; round++) {
    for (let i = 0; i < 10; i++) log.put(`peer/${i}`, new TextEncoder().encode(`${round} `.repeat(40)))
    log.put(`round/${String(round).padStart(9, '0')}`, Uint8Array.of(1))
    await log.flush()
    postMessage(round)
  }
}
