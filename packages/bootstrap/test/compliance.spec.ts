import { mechanismCompliance } from '@peerweave/compliance'
import { exchange } from '@peerweave/exchange'
import { names, type Sighting } from '@peerweave/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { describe, it } from 'vitest'
import { bootstrap, type Bootstrap } from '../src/index.ts'
import type { WorldNode } from '@peerweave/compliance'

function addressOf ({ self, context }: WorldNode): Multiaddr {
  return (context.ports.host.addresses()[0] as Multiaddr).encapsulate(`/p2p/${self}`)
}

mechanismCompliance({ describe, it }, {
  name: 'bootstrap',
  async create ({ self, clock, rng, context, node }) {
    const present = await node()
    let last: Sighting | undefined
    const server = exchange(present.context, {
      sight: sighting => { last = sighting }, drop: () => {}, clock: present.clock, rng: present.rng
    })
    await server.start()
    let mechanism: Bootstrap | undefined
    const { host } = context.ports
    const dial = host.dial
    return {
      mechanism: () => mechanism = bootstrap({ list: [addressOf(present)], clock, rng })(context),
      async provoke () {
        const newcomer = await node()
        mechanism?.addNode(addressOf(newcomer))
        return newcomer.self
      },
      echo: () => { mechanism?.addNode(multiaddr(`/ip4/10.0.0.99/tcp/1/p2p/${self}`)) },
      async hostile () {
        await present.context.ports.host.dial(host.addresses())
        const { signal } = new AbortController()
        await present.context.ports.rpc.request(self, names().protocols.exchange, Uint8Array.of(0xff), { maxAnswer: 1, signal }).catch(() => {})
      },
      async fail () {
        // Nobody can be dialled, for as long as one round takes.
        await host.close(present.self)
        host.dial = async () => {
          host.dial = dial
          throw new Error('no network')
        }
      },
      announced: () => last?.kind === 'claim' && last.peerId.equals(self),
      dispose: () => server.stop()
    }
  }
})
