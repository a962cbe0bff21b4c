/**
 * One SRV look-up after the other, beside the platform's resolver: from sockets that are shared, and from one for each.
 * Neither remembers answers.
 */
import { Resolver } from 'node:dns/promises'
import { alternate, beside, type Measured } from '../../harness.ts'
import { openServer } from '../../dns/server.ts'
import { HOSTS, SERVICE } from '../../dns/zone.ts'
import { dnsClient } from '../../../packages/dns/src/client/client.ts'
import type { UdpSockets } from '../../../packages/dns/src/client/udp.ts'

const ROUNDS = 100
const LOOKUPS = 500
/** Until everything is compiled: theirs is native from the start. For the same reason nothing is collected by force. */
const WARM_UP = 10_000

const ROWS: ReadonlyArray<readonly [metric: string, sockets: UdpSockets]> = [
  ['SRV look-up on loopback, pool of sockets', 'pool'],
  ['SRV look-up on loopback, a socket each', 'single']
]

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const server = await openServer()
  try {
    for (const [metric, sockets] of ROWS) {
      progress(`${metric}: ${ROUNDS} rounds of ${LOOKUPS} with ${server.kind} …`)
      const client = dnsClient({ servers: [server.address], sockets })
      const ours = async (count: number): Promise<number> => {
        return await time(async () => (await client.query(SERVICE, 'SRV')).answers.length, count)
      }
      // A new one each time: it has one port for all, and a server that has a thread for some ports each may be quicker
      // on one than on another.
      const theirs = async (count: number): Promise<number> => {
        const platform = new Resolver()
        platform.setServers([server.address])
        return await time(async () => (await platform.resolveSrv(SERVICE)).length, count)
      }
      await ours(WARM_UP)
      await theirs(WARM_UP)
      yield beside(metric, 'µs', 'node:dns', await alternate(async () => await ours(LOOKUPS), async () => await theirs(LOOKUPS), ROUNDS))
      await client.close()
    }
  } finally {
    await server.close()
  }
}

/** µs that one takes. */
async function time (lookUp: () => Promise<number>, count: number): Promise<number> {
  const started = performance.now()
  for (let i = 0; i < count; i++) if (await lookUp() !== HOSTS) throw new Error('an answer is not whole')
  return (performance.now() - started) * 1_000 / count
}
