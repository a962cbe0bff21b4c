/** Nodes of the demo, in this process and in one of their own, found by the demo's observer on loopback. */
import { afterEach, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { Cast } from '../src/demo/cast.ts'
import { probeLoopbackMulticast } from '../src/demo/multicast.ts'
import { createObserver } from '../src/demo/observer.ts'

const cleanups: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** What the demo promises of a goodbye (ms); without one it takes the TTL of 4 s. */
const GOODBYE = 1_500

it.each(['join', 'joinProcess'] as const)('a node of %s that leaves says so by mDNS', async how => {
  const probe = await probeLoopbackMulticast()
  if (!('port' in probe)) throw new Error(`no multicast on loopback: ${probe.reason}`)
  const cast = new Cast(probe.port)
  cleanups.push(() => cast.end())
  // Nobody is on its list: what it knows it has from mDNS.
  const observer = await createObserver([], probe.port, () => {})
  cleanups.push(() => observer.stop())
  const sources = async (): Promise<string[]> => {
    return (await Array.fromAsync(observer.multi.peers())).flatMap(({ sources }) => sources.map(({ path }) => path))
  }

  const actor = how === 'join' ? await cast.join({ mdns: true, listed: false }) : await cast.joinProcess()
  expect(actor.isOnLan).toBe(true)
  await until(async () => (await sources()).includes('mdns'), 'found by mDNS')
  await cast.leave(actor)
  await until(async () => (await sources()).length === 0, 'its goodbye is followed', GOODBYE)
  expect(cast.actors).toEqual([])
}, 20_000)
