/** The world of the compliance suite around `memory`: a hub with whoever else is there. */
import { memory, MemoryHub } from '../src/memory.ts'
import type { DiscoveryMechanism } from '@peerweave/interface'
import type { MechanismSetup, Supports, World, WorldNode } from '@peerweave/compliance'

/** @param make - builds what is under test on the hub */
export function onHub (name: string, supports: Supports, make: (hub: MemoryHub, world: World) => DiscoveryMechanism): MechanismSetup {
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
