import { mechanismCompliance } from '@peerweave/compliance'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { describe, it } from 'vitest'
import { bootstrap, type Bootstrap } from '../src/index.ts'
import type { WorldNode } from '@peerweave/compliance'

function addressOf ({ self, context }: WorldNode): Multiaddr {
  return (context.ports.host.addresses()[0] as Multiaddr).encapsulate(`/p2p/${self}`)
}

mechanismCompliance({ describe, it }, {
  name: 'bootstrap',
  // It says what it dialled: nothing announces, and nobody outside can send it anything.
  supports: { announce: false, goodbye: false, hostile: false },
  async create ({ self, clock, rng, context, node }) {
    const present = await node()
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
      async fail () {
        // Nobody can be dialled, for as long as one round takes.
        await host.close(present.self)
        host.dial = async () => {
          host.dial = dial
          throw new Error('no network')
        }
      }
    }
  }
})
