/** Days of a busy and hostile link, in virtual time: what is held stays flat. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRng, virtualClock } from '@peerweave/interface'
import { expect, it } from 'vitest'
import { createPeer, createPeerId, LoneLink, query, records, response } from './support.ts'
import type { Answer } from 'dns-packet'

const ME = '192.168.7.1'
const PORT = 5353
const TYPE = '_olocus._tcp.local'
const HOURS = { ci: 12, long: 72 }[process.env.PEERWEAVE_TIER ?? ''] ?? 3
const HOSTS = 12
/** Of the heap, collected, from one sixth of the time to its end. Chosen: what V8 itself wavers by. */
const SLACK_BYTES = 500_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function service (label: string, id: string, address: string, ttl = 120): Answer[] {
  const name = `${label}.${TYPE}`
  return [
    { name: TYPE, type: 'PTR', ttl, data: name },
    { name, type: 'SRV', ttl, flush: true, data: { port: 4_001, target: `${label}.local` } },
    { name, type: 'TXT', ttl, flush: true, data: [`peer_id=${id}`] },
    { name: `${label}.local`, type: 'A', ttl, flush: true, data: address }
  ]
}

it(`holds no more after ${HOURS} hours of packets than after ${HOURS / 6}`, { timeout: 3_600_000 }, async () => {
  const clock = virtualClock()
  const rng = seededRng(20_261_121)
  const link = new LoneLink()
  const ids = (await Promise.all(Array.from({ length: 4_000 }, () => createPeerId()))).map(String)
  const me = await createPeer({ network: link.network(ME), clock, rng, peerName: 'me', service: { type: '_olocus._tcp', name: 'me' } }, `/ip4/${ME}/tcp/4001`)
  let told = 0
  me.mechanism.addEventListener('sighting', () => { told++ })
  // Sightings of days are not kept; what keeps them is the test.
  me.events.push = () => 0
  await me.mechanism.start()
  const samples: number[] = []
  let names = 0
  const hosts = Array.from({ length: HOSTS }, (_, i) => ({ address: `192.168.7.${10 + i}`, name: '', id: '' }))
  for (let hour = 0; hour < HOURS; hour += 0.5) {
    for (let second = 0; second < 1_800; second++) {
      const host = hosts[rng.int(HOSTS)]!
      const say = (...answers: Answer[]): void => link.deliver(response(...answers), { address: host.address, port: PORT })
      const dice = rng.float()
      if (host.name === '' || dice < 0.01) {
        // It restarts as somebody else: with a goodbye, or killed.
        if (host.name !== '' && rng.float() < 0.5) say(...records(host.name, [], { ttl: 0 }), ...service(host.name, host.id, host.address, 0))
        host.name = `host${names++}`
        host.id = ids[rng.int(ids.length)]!
      }
      if (dice < 0.4) say(...records(host.name, [`/ip4/${host.address}/tcp/${1 + rng.int(3)}/p2p/${host.id}`]))
      else if (dice < 0.6) say(...service(host.name, host.id, host.address))
      else if (dice < 0.8) link.deliver(query(), { address: `192.168.7.${30 + rng.int(200)}`, port: PORT })
      // Somebody makes up peers, names and hosts, from addresses of his choice.
      else if (dice < 0.9) link.deliver(response(...records(`x${names++}`, [`/ip4/10.9.9.9/tcp/1/p2p/${ids[rng.int(ids.length)]}`])), { address: `192.168.7.${rng.int(256)}`, port: PORT })
      else link.deliver(response(...service(`x${names++}`, ids[rng.int(ids.length)]!, '10.9.9.9').slice(0, 1 + rng.int(4))), { address: `192.168.7.${rng.int(256)}`, port: PORT })
      await clock.advance(1_000)
    }
    collect()
    samples.push(process.memoryUsage().heapUsed)
  }
  const settled = samples.slice(Math.ceil(samples.length / 6))
  expect(told).toBeGreaterThan(HOURS * 500)
  expect(Math.min(...settled.slice(-3)) - Math.max(settled[0]!, settled[1]!)).toBeLessThan(SLACK_BYTES)
  await me.leave()
  expect(clock.pending).toBe(0)
  console.log(`heap after each half hour, MB: ${samples.map(bytes => (bytes / 1e6).toFixed(1)).join(' ')}`)
})
