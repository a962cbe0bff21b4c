/** Clients and name servers of one test, in virtual time: made anew before it, gone after it. */
import { dropCounter, virtualClock, type VirtualClock } from '@peerweave/interface'
import { afterEach, beforeEach, expect } from 'vitest'
import { until } from '../../../../test/support/until.ts'
import { dnsClient, type DnsClient, type DnsClientInit } from '../../src/client/client.ts'
import { udpFake, type Fake, type UdpFake } from './fakes.ts'

export let clock: VirtualClock
/** Closed after the test. */
export let fakes: Fake[]
export let dropped: Record<string, number>
export let drop: (reason: string) => void
let clients: DnsClient[]

/** Once in a file of tests, before the first. */
export function useClients (): void {
  beforeEach(() => {
    clock = virtualClock()
    fakes = []
    clients = []
    ;({ dropped, drop } = dropCounter())
  })

  afterEach(async () => {
    await Promise.all(clients.map(async client => client.close()))
    await Promise.all(fakes.map(async fake => fake.close()))
    expect(clock.pending).toBe(0)
    // Closed in a later turn.
    await until(() => udpSockets() === 0)
  })
}

export function udpSockets (): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'UDPWrap').length
}

export async function serve (...args: Parameters<typeof udpFake>): Promise<UdpFake> {
  const fake = await udpFake(...args)
  fakes.push(fake)
  return fake
}

/** @param servers - the first one first; the system's when there are none */
export function ask (servers: Fake[], init: DnsClientInit = {}): DnsClient {
  const client = dnsClient({ servers: servers.length === 0 ? undefined : servers.map(({ text }) => text), clock, drop, ...init })
  clients.push(client)
  return client
}
