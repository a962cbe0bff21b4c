/** Both ways with `bonjour-service` on another host. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { createPeerId } from '../support.ts'
import { startChild, type Child } from './child.ts'
import { whyNotHere } from './needs.ts'
import { OLOCUS } from './olocus.ts'
import { seen, startPeers, type PeerChild } from './seen.ts'
import type { BonjourEvent } from './bonjour-main.ts'

const reason = whyNotHere('bonjour-service')

describe.skipIf(reason !== undefined)('bonjour-service on another host', () => {
  let lan: Lan
  let us: PeerChild
  let them: Child<BonjourEvent>
  let ourId: string
  let ours: string
  let theirs: string

  const said = (what: BonjourEvent['what']): BonjourEvent[] => them.events.filter(event => event.what === what && event.name === 'Kitchen')

  beforeAll(async () => {
    lan = createLan(2)
    us = startPeers(lan.hosts[0]!)
    them = startChild<BonjourEvent>(lan.hosts[1]!, 'bonjour-main.ts')
    ours = lan.hosts[0]!.address
    theirs = lan.hosts[1]!.address
    await them.ask('browse')
  })
  afterAll(() => { lan?.close() })

  it('lists our service, resolved', async () => {
    ourId = await us.ask<string>('peer', 'us', { service: OLOCUS }, `/ip4/${ours}/tcp/4001`)
    await until(() => said('up').length > 0, 'up', 10_000)
    const [up] = said('up')
    expect(up).toMatchObject({ host: 'oven.local', port: 4001, txt: { peer_id: ourId, color: 'red', addr: `/ip4/${ours}/tcp/4001` } })
    expect(up?.addresses).toContain(ours)
  })

  it('is told when our port changes', async () => {
    await us.ask('setAddresses', 'us', `/ip4/${ours}/tcp/4002`)
    await until(() => said('srv-update').some(({ port }) => port === 4002), 'the new port', 5_000)
  })

  it('is found by us with a service of its own, with its peer, address and port', async () => {
    const theirId = (await createPeerId()).toString()
    await them.ask('publish', 'Cellar', 'cellar.local', 5001, { peer_id: theirId, color: 'blue' })
    const addresses = (): string[] => seen(us, 'us', 'claim', theirId).flatMap(({ addresses }) => addresses)
    await until(() => addresses().includes(`/ip4/${theirs}/tcp/5001`), 'claimed', 10_000)
    expect(seen(us, 'us', 'claim', theirId)[0]).toMatchObject({ on: 'eth0', metadata: { color: 'blue' } })

    const before = us.events.length
    await them.ask('unpublish', 'Cellar')
    await until(() => seen(us, 'us', 'withdraw', theirId, before).some(({ addresses }) => addresses.length === 0), 'withdrawn', 5_000)
  })

  it('lists ours no more after our goodbye', async () => {
    expect(said('down')).toEqual([])
    await us.ask('leave', 'us')
    await until(() => said('down').length > 0, 'down', 5_000)
  })
})
