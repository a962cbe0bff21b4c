import { virtualClock, type Host, type Ports } from '@peerweave/interface'
import { nodeRecords, openPeerRecord } from '@peerweave/records'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import { counting, sealed, signer, toyCrypto } from './support.ts'
import type { Crypto } from '@peerweave/interface'

async function portsOf (number: number, crypto?: Crypto): Promise<Pick<Ports, 'host' | 'crypto'>> {
  const own = await signer(number)
  return { host: { self: own.peerId, signer: own, addresses: () => [multiaddr('/ip4/8.8.8.8/tcp/1')] } as unknown as Host, crypto }
}

it('all who deal in records on a node have the same; another node has its own', async () => {
  const [one, other] = [await portsOf(1), await portsOf(2)]
  const clock = virtualClock()
  const first = nodeRecords(one, { clock })
  expect(nodeRecords({ host: one.host }, { clock: virtualClock() })).toBe(first) // the host is what makes a node
  const second = nodeRecords(other, { clock })
  expect([second.cache === first.cache, second.rate === first.rate, second.own === first.own]).toEqual([false, false, false])
})

it('one sequence is ours, of the node\'s clock', async () => {
  const clock = virtualClock({ wall: 1_000_000 })
  const { own } = nodeRecords(await portsOf(1), { clock })
  await own.for('public')
  expect(own.seq.last).toBe(1_000_000n)
  expect((await openPeerRecord(await own.farewell())).record).toMatchObject({ seq: 1_000_001n, addresses: [] })
})

it('each record is verified once, by the node\'s own crypto, and the rate is of the node\'s clock', async () => {
  const crypto = counting(toyCrypto)
  const clock = virtualClock()
  const ports = await portsOf(1, crypto)
  const [a, b] = [nodeRecords(ports, { clock }), nodeRecords(ports)]
  const bytes = await sealed({ signer: toyCrypto.signer(await signer(5)) })
  expect((await openPeerRecord(bytes, { cache: a.cache })).record).toBeDefined()
  expect((await openPeerRecord(bytes, { cache: b.cache })).record).toBeDefined()
  expect(crypto.verified).toBe(1)
  while (a.rate.take('flooder')) { /* until it is used up */ }
  expect(b.rate.take('flooder')).toBe(false)
  await clock.advance(1_000)
  expect(b.rate.take('flooder')).toBe(true)
})
