/** A transport whose connections run through the testnet's own network. */
import { overridden } from './overridden.ts'
import type { Transport, Upgrader } from '@libp2p/interface'
import type { Plug } from './network.ts'

/**
 * Both ends are taken where the transport hands a new connection to libp2p's upgrader, below encryption and
 * multiplexing: what is delayed, counted and broken there is what would be on the wire.
 */
export function plugged<Components> (factory: (components: Components) => Transport, plug: Plug): (components: Components) => Transport {
  return components => {
    const transport = factory(components)
    return overridden(transport, {
      async dial (address, options) {
        const way = await plug.open(address, options.signal)
        const upgrader = overridden<Upgrader>(options.upgrader, {
          upgradeOutbound: async (inner, rest) => await options.upgrader.upgradeOutbound(plug.dialled(inner, way, address), rest)
        })
        return await transport.dial(address, { ...options, upgrader })
      },
      createListener (options) {
        const upgrader = overridden<Upgrader>(options.upgrader, {
          async upgradeInbound (inner, rest) {
            plug.accepted(inner)
            await options.upgrader.upgradeInbound(inner, rest)
          }
        })
        const listener = transport.createListener({ ...options, upgrader })
        plug.listens(listener)
        return listener
      }
    })
  }
}
