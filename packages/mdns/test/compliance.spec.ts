/** The mechanism contract, on a link in memory and in virtual time. */
import { mechanismCompliance } from '@peerweave/compliance'
import { describe, it } from 'vitest'
import { mdns } from '../src/index.ts'
import { MemoryLink, query, records, response } from './support.ts'
import type { DiscoveryMechanism } from '@peerweave/interface'

const PORT = 5353

mechanismCompliance({ describe, it }, {
  name: 'mdns',
  // A round sends one query and listens: nothing in it can fail but the socket, which the mechanism's own tests break.
  supports: { failure: false },
  create ({ self, clock, rng, context, node }) {
    const link = new MemoryLink(clock)
    const others: DiscoveryMechanism[] = []
    let next = 2
    /** Speaks on the link without being anybody's mechanism. */
    const say = (message: Uint8Array): void => link.inject(message, { address: '10.0.0.250', port: PORT })
    return {
      mechanism: () => mdns({ clock, rng, port: PORT, network: link.network('10.0.0.1') })(context),
      async provoke () {
        const other = await node()
        const mechanism = mdns({ clock: other.clock, rng: other.rng, port: PORT, network: link.network(`10.0.0.${next++}`) })(other.context)
        others.push(mechanism)
        await mechanism.start()
        return other.self
      },
      echo: () => say(response(...records('echo', [`/ip4/10.0.0.250/tcp/4001/p2p/${self}`]))),
      hostile () {
        say(new Uint8Array(12).fill(0xff))
        say(new Uint8Array(9_001))
        say(response(...records('liar', ['/not/an/address'])))
        link.inject(query(), { address: '8.8.8.8', port: PORT })
        link.inject(query(), { address: '10.0.0.250', port: 43_345 })
      },
      announced: () => {
        const own = link.responses('10.0.0.1').flatMap(({ packet }) => packet.answers ?? []).filter(({ type }) => type === 'PTR' || type === 'TXT')
        return own.length > 0 && (own.at(-1) as { ttl?: number }).ttl !== 0
      },
      leftovers: () => Array<string>(link.openSockets - others.length).fill('socket on the link'),
      dispose: async () => { for (const other of others) await other.stop() }
    }
  }
})
