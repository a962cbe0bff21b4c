/** One link in memory with the peers of one test on it, in virtual time: made anew before it, gone after it. */
import { seededRng, virtualClock, type VirtualClock } from '@peerweave/interface'
import { afterEach, beforeEach, expect } from 'vitest'
import { createPeer, MemoryLink, type Peer } from './support.ts'
import type { MdnsOptions } from '../src/index.ts'

export let clock: VirtualClock
export let link: MemoryLink
/** They leave after the test. */
export let started: readonly Peer[]

/** Once in a file of tests, before the first. */
export function useMemoryLan (): void {
  beforeEach(() => {
    clock = virtualClock()
    link = new MemoryLink(clock)
    started = []
  })

  afterEach(async () => {
    for (const peer of started) await peer.leave()
    expect(clock.pending).toBe(0)
    expect(link.openSockets).toBe(0)
  })
}

export async function startPeer (address: string, options: MdnsOptions = {}, own = [`/ip4/${address}/tcp/4001`]): Promise<Peer> {
  const peer = await createPeer({ network: link.network(address), clock, rng: seededRng(started.length + 1), ...options }, ...own)
  await peer.mechanism.start()
  started = [...started, peer]
  return peer
}
