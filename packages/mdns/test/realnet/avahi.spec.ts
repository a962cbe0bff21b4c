/** Both ways with Avahi on another host: who browses and resolves services on most Linux machines. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { createPeerId } from '../support.ts'
import { startAvahi, type Avahi, type Browsed } from './avahi.ts'
import { whyNotHere } from './needs.ts'
import { OLOCUS } from './olocus.ts'
import { seen, startPeers, type PeerChild } from './seen.ts'

const reason = whyNotHere(
  'Avahi',
  ...['avahi-daemon', 'avahi-browse', 'avahi-publish-service', 'dbus-daemon', 'nsenter'].map(name => ['which', name] as const),
  // `/run` of its own.
  ['unshare', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/run']
)

describe.skipIf(reason !== undefined)('Avahi on another host', () => {
  let lan: Lan
  let us: PeerChild
  let avahi: Avahi
  let ourId: string
  let ours: string
  let theirs: string

  beforeAll(async () => {
    lan = createLan(2)
    us = startPeers(lan.hosts[0]!)
    avahi = await startAvahi(lan.hosts[1]!)
    ours = lan.hosts[0]!.address
    theirs = lan.hosts[1]!.address
    ourId = await us.ask<string>('peer', 'us', { service: OLOCUS }, `/ip4/${ours}/tcp/4001`)
  })
  afterAll(() => { lan?.close() })

  /** Browses until what is resolved over IPv4 fits. */
  async function resolved (type: string, fits: (found: Browsed) => boolean): Promise<Browsed> {
    let fitting: Browsed | undefined
    await until(async () => {
      fitting = (await avahi.browse('--resolve', type)).find(found => found.sign === '=' && found.family === 'IPv4' && fits(found))
      return fitting !== undefined
    }, `resolved ${type}`, 10_000)
    return fitting!
  }

  it('lists and resolves our service, and its subtype', async () => {
    const found = await resolved('_olocus._tcp', ({ name }) => name === 'Kitchen')
    expect(found).toMatchObject({ interface: 'eth0', type: '_olocus._tcp', host: 'oven.local', address: ours, port: 4001 })
    expect([...found.txt!].sort()).toEqual([`addr=/ip4/${ours}/tcp/4001`, 'color=red', `peer_id=${ourId}`, 'protocol=/olocus/1'])
    expect(await resolved('_printer._sub._olocus._tcp', ({ name }) => name === 'Kitchen')).toMatchObject({ port: 4001, address: ours })
  })

  it('lists and resolves our libp2p form', async () => {
    const found = await resolved('_p2p._udp', ({ txt }) => txt!.includes(`dnsaddr=/ip4/${ours}/tcp/4001/p2p/${ourId}`))
    expect(found).toMatchObject({ address: ours, port: 4001 })
  })

  it('lists the types of what we offer', async () => {
    const types = new Set((await avahi.browse('--all')).map(({ type }) => type))
    expect([...types].sort()).toEqual(['_olocus._tcp', '_p2p._udp'])
  })

  it('resolves the new port after it changed', async () => {
    await us.ask('setAddresses', 'us', `/ip4/${ours}/tcp/4002`)
    const found = await resolved('_olocus._tcp', ({ name, port }) => name === 'Kitchen' && port === 4002)
    expect(found.txt).toContain(`addr=/ip4/${ours}/tcp/4002`)
    expect(await resolved('_p2p._udp', ({ port }) => port === 4002)).toMatchObject({ txt: [`dnsaddr=/ip4/${ours}/tcp/4002/p2p/${ourId}`] })
  })

  it('is found by us with its services: a claim with a peer id, an endpoint without, and a goodbye takes the claim back', async () => {
    const theirId = (await createPeerId()).toString()
    const cellar = avahi.publish('Cellar', '_olocus._tcp', 5001, `peer_id=${theirId}`, 'color=blue')
    const attic = avahi.publish('Attic', '_olocus._tcp', 7001)
    const claim = () => seen(us, 'us', 'claim', theirId).find(({ from }) => from === `/ip4/${theirs}/udp/5353`)
    const endpoint = () => us.events.find(({ kind, addresses }) => kind === 'endpoint' && addresses.includes(`/ip4/${theirs}/tcp/7001`))
    await until(() => claim() !== undefined && endpoint() !== undefined, 'both told', 10_000)
    expect(claim()).toMatchObject({ addresses: [`/ip4/${theirs}/tcp/5001`], on: 'eth0', metadata: { color: 'blue' } })

    const before = us.events.length
    cellar.kill()
    attic.kill()
    const withdrawn = (): boolean =>
      seen(us, 'us', 'withdraw', theirId, before).some(({ addresses, from }) => addresses.length === 0 && from === claim()?.from)
    await until(withdrawn, 'withdrawn', 5_000)
  })

  it('lists ours no more after our goodbye', async () => {
    await us.ask('leave', 'us')
    await until(async () => (await avahi.browse('--all')).length === 0, 'nothing is listed', 10_000)
  })

  it('keeps its name when ours is the same: we take another, and both are there', async () => {
    const theirId = (await createPeerId()).toString()
    const kitchen = avahi.publish('Kitchen', '_olocus._tcp', 5002, `peer_id=${theirId}`)
    await resolved('_olocus._tcp', ({ name }) => name === 'Kitchen')
    const id = await us.ask<string>('peer', 'second', { service: OLOCUS }, `/ip4/${ours}/tcp/4001`)
    const mine = await resolved('_olocus._tcp', ({ txt }) => txt!.includes(`peer_id=${id}`))
    expect(mine).toMatchObject({ name: 'Kitchen (2)', host: 'oven.local', port: 4001 })
    expect(await resolved('_olocus._tcp', ({ txt }) => txt!.includes(`peer_id=${theirId}`))).toMatchObject({ name: 'Kitchen', port: 5002 })
    await until(() => seen(us, 'second', 'claim', theirId).length > 0, 'theirs is claimed', 5_000)
    kitchen.kill()
    await us.ask('leave', 'second')
  })
})
