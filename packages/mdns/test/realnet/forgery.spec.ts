/** What a stranger on the same LAN can do to another's words: nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLan, type Lan } from '../../../../test/support/namespaces.ts'
import { until } from '../../../../test/support/until.ts'
import { createPeerId, records } from '../support.ts'
import { startChild, type Child } from './child.ts'
import { whyNotHere } from './needs.ts'
import { OLOCUS } from './olocus.ts'
import { claimed, seen, startPeers, type PeerChild } from './seen.ts'
import type { Answer } from 'dns-packet'
import type { Offered } from './forger-main.ts'
import type { Seen } from './peer-main.ts'

const NAME = 'victim'
const KITCHEN = 'Kitchen._olocus._tcp.local'

const reason = whyNotHere('forgery on a LAN')

describe.skipIf(reason !== undefined)('a forger on the same LAN', () => {
  let lan: Lan
  let watcher: PeerChild
  let honest: PeerChild
  let forger: Child<Offered>
  let id: string
  let [honestAddress, honestPlace, forgerAddress, forgerPlace] = ['', '', '', '']

  /** What a round finds of the honest peer: addresses by reporter. */
  const known = async (): Promise<Record<string, string[]>> => {
    const found = (await watcher.ask<Seen[]>('discover', 'watcher')).filter(seen => seen.id === id)
    return Object.fromEntries(['honest', 'forger'].map(who => {
      const from = `/ip4/${who === 'honest' ? honestAddress : forgerAddress}/udp/5353`
      return [who, [...new Set(found.filter(seen => seen.from === from).flatMap(({ addresses }) => addresses))]]
    }))
  }
  /** Sends these, then makes sure that they were read, and that what they take back would be gone. */
  const forge = async (...packets: Answer[][]): Promise<void> => {
    const marker = (await createPeerId()).toString()
    const sayMarker = async (ttl: number): Promise<void> =>
      forger.ask('respond', ...records(marker.toLowerCase(), [`${forgerPlace}/p2p/${marker}`], { ttl }))
    await sayMarker(120)
    for (const answers of packets) await forger.ask('respond', ...answers)
    await sayMarker(0)
    // A second later than any of the packets before (RFC 6762 §10.1).
    await until(() => seen(watcher, 'watcher', 'withdraw', marker).length > 0, 'the goodbye of the forger’s own peer', 5_000)
  }

  beforeAll(async () => {
    lan = createLan(3)
    watcher = startPeers(lan.hosts[0]!)
    honest = startPeers(lan.hosts[1]!)
    forger = startChild<Offered>(lan.hosts[2]!, 'forger-main.ts')
    honestAddress = lan.hosts[1]!.address
    honestPlace = `/ip4/${honestAddress}/tcp/4001`
    forgerAddress = lan.hosts[2]!.address
    forgerPlace = `/ip4/${forgerAddress}/tcp/666`
    await forger.ask('open', forgerAddress)
    await watcher.ask('peer', 'watcher', { service: { type: OLOCUS.type }, queryWindow: 100 })
    id = await honest.ask<string>('peer', 'honest', { peerName: NAME, service: OLOCUS }, honestPlace)
    const hasService = (): boolean => seen(watcher, 'watcher', 'claim', id).some(({ metadata }) => metadata?.['color'] === 'red')
    await until(hasService, 'the service', 10_000)
    await until(() => claimed(watcher, 'watcher', id).includes(honestPlace), 'the honest peer', 5_000)
  })
  afterAll(() => { lan?.close() })

  it('cannot say goodbye for another', async () => {
    await forge(
      records(NAME, [`${honestPlace}/p2p/${id}`], { ttl: 0 }),
      [{ name: '_p2p._udp.local', type: 'PTR', ttl: 0, data: `${NAME}._p2p._udp.local` }],
      [
        { name: '_olocus._tcp.local', type: 'PTR', ttl: 0, data: KITCHEN },
        { name: KITCHEN, type: 'SRV', ttl: 0, flush: true, data: { port: 4001, target: 'oven.local' } },
        { name: KITCHEN, type: 'TXT', ttl: 0, flush: true, data: [`peer_id=${id}`] },
        { name: 'oven.local', type: 'A', ttl: 0, flush: true, data: honestAddress }
      ]
    )
    expect(seen(watcher, 'watcher', 'withdraw', id)).toEqual([])
    expect(await known()).toEqual({ honest: [honestPlace], forger: [] })
    const { dropped } = await watcher.ask<{ dropped: Record<string, number> }>('status', 'watcher')
    expect(dropped['foreign-goodbye']).toBeGreaterThan(0)
  })

  it('claims for another’s id an address of its own only, in its own name', async () => {
    await forge(
      // Under its own name and under the other's.
      records('forger', [`${forgerPlace}/p2p/${id}`]),
      records(NAME, [`${forgerPlace}/p2p/${id}`]),
      [
        { name: '_olocus._tcp.local', type: 'PTR', ttl: 120, data: KITCHEN },
        { name: KITCHEN, type: 'SRV', ttl: 120, flush: true, data: { port: 666, target: 'oven.local' } },
        { name: KITCHEN, type: 'TXT', ttl: 120, flush: true, data: [`peer_id=${id}`] },
        { name: 'oven.local', type: 'A', ttl: 120, flush: true, data: forgerAddress }
      ]
    )
    expect(seen(watcher, 'watcher', 'withdraw', id)).toEqual([])
    expect(await known()).toEqual({ honest: [honestPlace], forger: [forgerPlace] })
  })

  it('cannot keep another from its name', async () => {
    const [before, heard] = [watcher.events.length, forger.events.length]
    const place = `/ip4/${honestAddress}/tcp/4003`
    await honest.ask('setAddresses', 'honest', place)
    const isRenewed = ({ from, addresses, metadata }: Seen): boolean =>
      from === `/ip4/${honestAddress}/udp/5353` && metadata?.['color'] === 'red' && addresses.includes(place)
    await until(() => seen(watcher, 'watcher', 'claim', id, before).some(isRenewed), 'the new address', 5_000)
    const offered = (): Offered[] => forger.events.slice(heard).filter(({ from, port }) => from === honestAddress && port === 4_003)
    await until(() => offered().length > 0, 'the new port', 5_000)
    expect(new Set(offered().map(({ name }) => name))).toEqual(new Set([KITCHEN]))
    expect((await known())['forger']).toEqual([forgerPlace])
  })
})
