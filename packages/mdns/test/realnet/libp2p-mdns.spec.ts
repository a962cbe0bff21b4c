/** Both ways with the unchanged `@libp2p/mdns` on another host. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { startChild, type Child } from './child.ts'
import { whyNotHere } from './needs.ts'
import { claimed, seen, startPeers, type PeerChild } from './seen.ts'
import type { Found } from './libp2p-mdns-main.ts'

const reason = whyNotHere('@libp2p/mdns on another host')

describe.skipIf(reason !== undefined)('@libp2p/mdns on another host', () => {
  let lan: Lan
  let us: PeerChild
  let them: Child<Found>
  let ourId: string
  let ourAddresses: string[]

  const foundBy = (id: string): string[] => [...new Set(them.events.filter(found => found.id === id).flatMap(({ addresses }) => addresses))]

  beforeAll(() => {
    lan = createLan(2)
    us = startPeers(lan.hosts[0]!)
    them = startChild<Found>(lan.hosts[1]!, 'libp2p-mdns-main.ts')
    // More than fit one packet.
    ourAddresses = Array.from({ length: 20 }, (_, i) => `/ip4/${lan.hosts[0]!.address}/tcp/${4_001 + i}`)
  })
  afterAll(() => { lan?.close() })

  it('finds us with every address, and we find it', async () => {
    const theirs = [`/ip4/${lan.hosts[1]!.address}/tcp/5001`, `/ip4/${lan.hosts[1]!.address}/udp/5001/quic-v1`]
    const [id, theirId] = await Promise.all([us.ask<string>('peer', 'us', {}, ...ourAddresses), them.ask<string>('start', ...theirs)])
    ourId = id
    await until(() => foundBy(ourId).length === ourAddresses.length && claimed(us, 'us', theirId).length > 0, 'both found', 10_000)
    expect(foundBy(ourId).sort()).toEqual([...ourAddresses].sort())
    const [claim] = seen(us, 'us', 'claim', theirId)
    expect(claim).toMatchObject({ addresses: theirs, from: `/ip4/${lan.hosts[1]!.address}/udp/5353`, on: 'eth0' })
  })

  it('is told of a new address', async () => {
    const added = `/ip4/${lan.hosts[0]!.address}/tcp/9999`
    await us.ask('setAddresses', 'us', ...ourAddresses, added)
    await until(() => foundBy(ourId).includes(added), 'the new address', 5_000)
  })

  it('does not take our goodbye for a peer', async () => {
    const [before, last] = [them.events.length, `/ip4/${lan.hosts[0]!.address}/tcp/4444`]
    const timesFound = (): number => them.events.filter(({ id }) => id === ourId).length
    await us.ask('setAddresses', 'us', last)
    await until(() => them.events.slice(before).some(({ addresses }) => addresses.includes(last)), 'the last address', 5_000)
    // We speak once a second at the most, so that nothing but the goodbye is on its way now …
    const atGoodbye = timesFound()
    await us.ask('leave', 'us')
    // … and once it has found who came after, it has read the goodbye.
    const witness = await us.ask<string>('peer', 'witness', {}, last)
    await until(() => foundBy(witness).length > 0, 'the witness was found', 10_000)
    expect(timesFound()).toBe(atGoodbye)
    expect((await us.ask<{ dropped: object }>('status', 'witness')).dropped).toEqual({})
  })
})
