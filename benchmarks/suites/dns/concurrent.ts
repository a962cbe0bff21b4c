/** 500 look-ups at once: how many are never answered, beside dns2's own client, which sends each question once. */
import DNS from 'dns2'
import { median, type Measured } from '../../harness.ts'
import { openServer, type BenchServer } from '../../dns/server.ts'
import { HOSTS, SERVICE } from '../../dns/zone.ts'
import { dnsClient } from '../../../packages/dns/src/client/client.ts'
import type { UdpSockets } from '../../../packages/dns/src/client/udp.ts'

const AT_ONCE = 500
const ROUNDS = 10

interface Round {
  unanswered: number
  /** Until the last is answered or given up. */
  ms: number
}

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const server = await openServer()
  try {
    progress(`${ROUNDS} rounds of ${AT_ONCE} look-ups at once with ${server.kind} …`)
    const rounds = { pool: [] as Round[], single: [] as Round[], dns2: [] as Round[] }
    for (let i = 0; i < ROUNDS; i++) {
      for (const sockets of ['pool', 'single'] as const) rounds[sockets].push(await ours(server, sockets))
      rounds.dns2.push(await dns2s(server))
    }
    for (const [sockets, kind] of [['pool', 'pool of sockets'], ['single', 'a socket each']] as const) {
      const name = `500 SRV look-ups at once, ${kind}`
      const [own, theirs] = [rounds[sockets], rounds.dns2]
      const unanswered = (all: Round[]): number => all.reduce((sum, { unanswered }) => sum + unanswered, 0)
      yield beside(`${name}, unanswered in ${ROUNDS} rounds`, 'look-ups', own, theirs, unanswered)
      yield beside(`${name}, until the last`, 'ms', own, theirs, all => median(all.map(({ ms }) => ms)))
    }
  } finally {
    await server.close()
  }
}

async function ours (server: BenchServer, sockets: UdpSockets): Promise<Round> {
  const client = dnsClient({ servers: [server.address], sockets })
  const round = await atOnce(async () => (await client.query(SERVICE, 'SRV')).answers.length)
  await client.close()
  return round
}

async function dns2s (server: BenchServer): Promise<Round> {
  const client = new DNS({ nameServers: ['127.0.0.1'], port: server.port })
  return await atOnce(async () => (await client.resolve(SERVICE, 'SRV')).answers.length)
}

async function atOnce (lookUp: () => Promise<number>): Promise<Round> {
  const started = performance.now()
  const results = await Promise.allSettled(Array.from({ length: AT_ONCE }, lookUp))
  const answered = results.filter(result => result.status === 'fulfilled' && result.value === HOSTS).length
  return { unanswered: AT_ONCE - answered, ms: performance.now() - started }
}

/** Nobody is so many times better than none. */
function beside (metric: string, unit: string, ours: Round[], theirs: Round[], of: (rounds: Round[]) => number): Measured {
  const [value, baselineValue] = [of(ours), of(theirs)]
  return { metric, value, unit, baseline: "dns2's client", baselineValue, ratio: value === 0 ? null : baselineValue / value }
}
