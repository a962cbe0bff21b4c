/** A name server in a process of its own: Knot where it is installed, which is the quickest to start and to answer. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startServer, whyNoServer } from '../../packages/dns/test/support/name-servers.ts'
import { RECORDS, ZONE } from './zone.ts'

export interface BenchServer {
  kind: string
  /** `127.0.0.1:port` */
  address: string
  port: number
  close: () => Promise<void>
}

export async function openServer (): Promise<BenchServer> {
  if (whyNoServer('knotd') === undefined) return await startServer('knotd', { zone: ZONE, records: RECORDS })
  const path = fileURLToPath(new URL('server-child.ts', import.meta.url))
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: child.stdout }), 'line') as [string]
  const port = Number(line)
  return {
    kind: 'a server of our own',
    address: `127.0.0.1:${port}`,
    port,
    async close () {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    }
  }
}
