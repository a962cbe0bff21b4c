/** Peers that come and go leave nothing behind, however long it goes on. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { virtualClock } from '@peerweave/interface'
import { expect, it } from 'vitest'
import { memoryPeerStore } from '../src/index.ts'
import { claim, peer, source } from './support.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const ROUNDS = process.env.PEERWEAVE_TIER === 'long' ? 200_000 : 20_000

it(`${ROUNDS} comings and goings of 50 peers keep the heap flat`, async () => {
  const clock = virtualClock()
  const store = memoryPeerStore({ clock, capacity: 30 })
  const peers = await Promise.all(Array.from({ length: 50 }, async (_, n) => peer(n)))
  const churn = async (rounds: number): Promise<void> => {
    for (let i = 0; i < rounds; i++) {
      const id = peers[i % peers.length] as typeof peers[0]
      // Groups and reporters that are never seen again, and goodbyes to some.
      await store.addPeer(claim(id, { at: clock.now(), from: source('gossip', { group: `net:${i % 977}`, reporter: `r${i}` }), ttl: 3_600_000 }))
      if (i % 3 === 0) await store.withdraw(id, source('gossip', { group: `net:${i % 977}`, reporter: `r${i}` }), clock.now())
      if (i % 7 === 0) await store.removePeer(id)
    }
  }
  await churn(ROUNDS / 4)
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  await churn(ROUNDS)
  // Less than a leak of one small object a round would come to; half a megabyte is what the runtime itself moves.
  expect(used() - before).toBeLessThan(500_000 + ROUNDS * 20)
}, 600_000)
