/**
 * The mechanism contract, on a DHT in memory and in virtual time: kad-dht's own timers are the platform's. What only
 * kad-dht can show is in the specs on real nodes.
 */
import { mechanismCompliance, type Supports, type World } from '@peerweave/compliance'
import { multiaddr } from '@multiformats/multiaddr'
import { names } from '@peerweave/interface'
import { describe, it } from 'vitest'
import { dht, namespaceKey } from '../src/index.ts'
import { FakeDht, FakeKad } from './support/fake-kad.ts'
import { fakeNode } from './support/fake-node.ts'
import type { DhtOptions } from '../src/index.ts'

const key = await namespaceKey(names().namespaces.peers)
// Others hold a provider record until it lapses: nothing takes it back.
const supports: Supports = { goodbye: false }

function setup (make: (world: World, net: FakeDht) => { options: DhtOptions, services?: Record<string, unknown> }) {
  return async ({ self, clock, rng, context, node }: World) => {
    const net = new FakeDht()
    // Somebody to announce ourselves to.
    net.join({ id: (await node()).self, multiaddrs: [multiaddr('/ip4/1.2.4.1/tcp/4001')] })
    const { options, services } = make({ self, clock, rng, context, node }, net)
    let place = 1
    return {
      mechanism: () => dht({ clock, rng, ...options })({ ...context, libp2p: fakeNode(context, services) }),
      async provoke () {
        const { self: id } = await node()
        const peer = { id, multiaddrs: [multiaddr(`/ip4/1.2.3.${place++}/tcp/4001`)] }
        net.join(peer)
        net.provide(key, peer)
        return id
      },
      echo () {
        const peer = { id: self, multiaddrs: [multiaddr('/ip4/1.2.3.200/tcp/4001')] }
        net.join(peer)
        net.provide(key, peer)
      },
      async hostile () {
        const { self: id } = await node()
        // Nobody's word, and on a private network: not to be believed.
        const multiaddrs = [multiaddr('/ip4/192.168.1.1/tcp/22'), multiaddr(`/dns4/${'a'.repeat(300)}/tcp/1`)]
        net.provide(key, { id, multiaddrs })
        for (const kad of net.kads) kad.safeDispatchEvent('peer', { detail: { id, multiaddrs } })
      },
      fail: () => { net.failing = true },
      announced: () => net.providers.get(Buffer.from(key.multihash.bytes).toString('hex'))?.has(self.toString()) === true,
      leftovers: () => [...net.kads].filter(({ isStarted }) => isStarted && services == null).map(() => 'kad-dht that runs')
    }
  }
}

mechanismCompliance({ describe, it }, {
  name: 'dht',
  supports,
  create: setup(({ clock }, net) => ({ options: { kad: net.kad(clock) } }))
})

mechanismCompliance({ describe, it }, {
  name: 'dht on a given service',
  // What comes unasked is not bounded by us, nor counted: it is the service's.
  supports: { ...supports, hostile: false },
  create: setup(({ clock, context }, net) => ({
    options: { service: 'kad' },
    services: { kad: new FakeKad(net, clock, fakeNode(context) as never, { clientMode: false }) }
  }))
})
