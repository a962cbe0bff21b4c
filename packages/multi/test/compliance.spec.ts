import { bootstrap } from '@libp2p/bootstrap'
import { mechanismCompliance } from '@peerweave/compliance'
import { createLibp2p } from 'libp2p'
import { describe, it } from 'vitest'
import { fromLibp2p, memory, MemoryHub, multi } from '../src/index.ts'
import type { DiscoveryMechanism } from '@peerweave/interface'
import type { MechanismSetup, Supports, World, WorldNode } from '@peerweave/compliance'

/** A hub with whoever else is there; `make` builds what is under test on it. */
function onHub (name: string, supports: Supports, make: (hub: MemoryHub, world: World) => DiscoveryMechanism): MechanismSetup {
  return {
    name,
    supports,
    create (world) {
      const hub = new MemoryHub()
      const others: DiscoveryMechanism[] = []
      const join = async ({ clock, context }: WorldNode, id = context.ports.host.self): Promise<void> => {
        const other = memory({ hub, clock, ttl: 3_600_000 })(context)
        others.push(other)
        await other.start()
        await other.announceSelf?.({ peerId: id, multiaddrs: context.ports.host.addresses() })
      }
      return {
        mechanism: () => make(hub, world),
        async provoke () {
          const other = await world.node()
          await join(other)
          return other.self
        },
        echo: async () => { await join(await world.node(), world.self) },
        announced: () => [...hub.records()].some(({ peerId }) => peerId.equals(world.self)),
        leftovers: () => Array<string>(hub.size - others.length).fill('membership of the hub'),
        dispose: async () => { for (const other of others) await other.stop() }
      }
    }
  }
}

mechanismCompliance({ describe, it }, onHub('memory', { hostile: false, failure: false }, (hub, { clock, context }) => {
  return memory({ hub, clock })(context)
}))

mechanismCompliance({ describe, it }, onHub('multi', { announce: false, hostile: false, failure: false }, (hub, { clock, rng, context }) => {
  return multi({ mechanisms: [memory({ hub, clock })], clock, rng })(context)
}))

mechanismCompliance({ describe, it }, onHub('nested multi', { announce: false, hostile: false, failure: false }, (hub, { clock, rng, context }) => {
  return multi({ name: 'outer', mechanisms: [multi({ name: 'inner', mechanisms: [memory({ hub, clock })], clock, rng })], clock, rng })(context)
}))

// A fixed list that is told once after each start, in its own time; it cannot be asked, and hears nobody.
const foreign: Supports = { virtualClock: false, announce: false, goodbye: false, hostile: false, failure: false }

mechanismCompliance({ describe, it }, {
  name: 'wrapped @libp2p/bootstrap',
  supports: foreign,
  async create ({ self, context, node }) {
    const listed = await node()
    const addressOf = (id: unknown): string => `/ip4/10.0.0.1/tcp/4001/p2p/${id}`
    let libp2p: object | undefined
    const host = await createLibp2p({ start: false, services: { probe: components => { libp2p = components; return {} } } })
    const make = fromLibp2p(bootstrap({ list: [addressOf(self), addressOf(listed.self)], timeout: 20 }), {
      name: 'list', type: 'bootstrap', reporter: { configured: true }
    })
    return {
      mechanism: () => make({ ...context, libp2p }),
      provoke: () => listed.self,
      echo: () => {},
      dispose: () => host.stop()
    }
  }
})
