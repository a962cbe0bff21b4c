/** Both ways with python-zeroconf on another host. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { createPeerId } from '../support.ts'
import { startChild, type Child } from './child.ts'
import { whyNotHere } from './needs.ts'
import { OLOCUS } from './olocus.ts'
import { seen, startPeers, type PeerChild } from './seen.ts'

/** What its browser says; resolved, except of one that is gone. */
interface ZeroconfEvent {
  what: 'add' | 'update' | 'remove'
  name: string
  host?: string
  port?: number
  addresses?: string[]
  txt?: Record<string, string>
}

const KITCHEN = 'Kitchen._olocus._tcp.local.'

const reason = whyNotHere('python-zeroconf', ['/usr/bin/python3', '-c', 'import zeroconf'])

describe.skipIf(reason !== undefined)('python-zeroconf on another host', () => {
  let lan: Lan
  let us: PeerChild
  let them: Child<ZeroconfEvent>
  let ourId: string
  let ours: string
  let theirs: string

  const said = (what: ZeroconfEvent['what']): ZeroconfEvent[] => them.events.filter(event => event.what === what && event.name === KITCHEN)

  beforeAll(async () => {
    lan = createLan(2)
    us = startPeers(lan.hosts[0]!)
    them = startChild<ZeroconfEvent>(lan.hosts[1]!, 'zeroconf-main.py')
    ours = lan.hosts[0]!.address
    theirs = lan.hosts[1]!.address
    await them.ask('start', theirs)
    await them.ask('browse')
  })
  afterAll(() => { lan?.close() })

  it('adds our service, resolved', async () => {
    ourId = await us.ask<string>('peer', 'us', { service: OLOCUS }, `/ip4/${ours}/tcp/4001`)
    await until(() => said('add').length > 0, 'added', 10_000)
    const [added] = said('add')
    expect(added).toMatchObject({ host: 'oven.local.', port: 4001, txt: { peer_id: ourId, color: 'red', addr: `/ip4/${ours}/tcp/4001` } })
    expect(added?.addresses).toContain(ours)
  })

  it('updates it when our port changes', async () => {
    await us.ask('setAddresses', 'us', `/ip4/${ours}/tcp/4002`)
    const isUpdated = ({ port, txt }: ZeroconfEvent): boolean => port === 4002 && txt?.['addr'] === `/ip4/${ours}/tcp/4002`
    await until(() => said('update').some(isUpdated), 'updated', 5_000)
  })

  it('is found by us with a service of its own, with its peer, address and port', async () => {
    const theirId = (await createPeerId()).toString()
    await them.ask('register', 'Cellar', 'cellar.local.', theirs, 5001, { peer_id: theirId, color: 'blue' })
    await until(() => seen(us, 'us', 'claim', theirId).length > 0, 'claimed', 5_000)
    expect(seen(us, 'us', 'claim', theirId)[0]).toMatchObject({
      addresses: [`/ip4/${theirs}/tcp/5001`], from: `/ip4/${theirs}/udp/5353`, on: 'eth0', metadata: { color: 'blue' }
    })

    await them.ask('update', 'Cellar', 'cellar.local.', theirs, 5002, { peer_id: theirId, color: 'green' })
    const isUpdated = ({ addresses, metadata }: { addresses: string[], metadata?: Record<string, string> }): boolean =>
      addresses.join() === `/ip4/${theirs}/tcp/5002` && metadata?.['color'] === 'green'
    await until(() => seen(us, 'us', 'claim', theirId).some(isUpdated), 'the update', 5_000)

    const before = us.events.length
    await them.ask('unregister', 'Cellar')
    await until(() => seen(us, 'us', 'withdraw', theirId, before).some(({ addresses }) => addresses.length === 0), 'withdrawn', 5_000)
  })

  it('removes ours at our goodbye', async () => {
    expect(said('remove')).toEqual([])
    await us.ask('leave', 'us')
    await until(() => said('remove').length > 0, 'removed', 5_000)
  })
})
