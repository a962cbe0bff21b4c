/**
 * Dials a list of known nodes, says which answered, and asks those for the peers that they know. A node that fails is tried
 * again with jittered back-off until we have enough connections; when those go, the list is tried again.
 */
import { exchange, RECORD_TTL } from '@peerweave/exchange'
import { defineMechanism, dropCounter, type DiscoveryMechanism, type MechanismContext, type MechanismFactory, type Session } from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { Asker } from './asker.ts'
import { Dialler } from './dialler.ts'
import { newNode, type Node } from './node.ts'
import { NodeList, parseNode } from './node-list.ts'
import { resolveOptions, type BootstrapOptions, type ResolvedBootstrapOptions } from './options.ts'
import { bootstrapRound } from './round.ts'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** How one node has fared. Times are wall-clock ms. */
export interface BootstrapNodeStatus {
  readonly peerId: PeerId
  readonly addresses: readonly Multiaddr[]
  readonly lastAttempt?: number | undefined
  readonly successes: number
  readonly failures: number
  /** Of the last attempt; `undefined` when it succeeded. */
  readonly lastError?: Error | undefined
}

export interface Bootstrap extends DiscoveryMechanism {
  /** Status of every node, in the order added. */
  nodes: () => BootstrapNodeStatus[]
  /**
   * One more node, tried at once when we run.
   *
   * @throws InvalidBootstrapNodeError
   * @throws LimitExceededError
   */
  addNode: (address: string | Multiaddr) => void
}

/**
 * @throws TypeError naming a wrong option
 * @throws InvalidBootstrapNodeError naming a wrong address
 * @throws LimitExceededError naming the address that is one too many
 */
export function bootstrap (options: BootstrapOptions): MechanismFactory<Bootstrap> {
  const resolved = resolveOptions(options)
  return mechanismModule(context => create(context, resolved), resolved)
}

function create (context: MechanismContext, options: ResolvedBootstrapOptions): Bootstrap {
  const { host } = context.ports
  const { name, clock, rng, prefix } = options
  const { dropped, drop } = dropCounter()
  const nodes = new NodeList<Node>(newNode)
  for (const { peerId, addresses } of options.nodes) {
    for (const address of addresses) nodes.add({ peerId, address })
  }
  let session: Session | undefined
  const records = exchange(context, { sight: sighting => session?.sight(sighting), drop, prefix, clock, rng })
  const dialler = new Dialler({
    host,
    options,
    nodes,
    onNews (node, claim) {
      if (session == null) return
      session.sight(claim)
      if (options.exchange) asker.follow(node, session, false)
    }
  })
  const asker = new Asker({ exchange: records, dialler, options })

  const mechanism = defineMechanism(context, {
    name,
    type: 'bootstrap',
    passive: true,
    clock,
    dropped,
    async open (opened) {
      session = opened
      dialler.open(opened)
      if (options.exchange) await records.start()
    },
    async beforeClose () {
      if (options.exchange) await records.farewell()
    },
    async close () {
      session = undefined
      dialler.close()
      await records.stop()
    },
    async * round (round) {
      if (session == null) return
      const others = [...nodes].filter(({ peerId }) => !peerId.equals(host.self))
      yield * bootstrapRound({ nodes: others, dialler, asker: options.exchange ? asker : undefined, options, session }, round)
    },
    ...(options.exchange && {
      async announceSelf ({ multiaddrs }, { signal = (session as Session).signal }) {
        const others = [...nodes].filter(({ peerId }) => !peerId.equals(host.self))
        // Nobody to tell yet: one that answers is enough, the others are told when they are asked.
        if (others.length > 0 && !others.some(node => dialler.isConnected(node))) await dialler.anyOf(others, signal)
        await records.announce(multiaddrs, others.map(({ peerId }) => peerId), { signal })
        return { ttl: RECORD_TTL }
      },
      withdrawSelf: async ({ signal }) => await records.farewell({ signal })
    })
  })

  return Object.assign(mechanism, {
    nodes: () => [...nodes].map(({ peerId, addresses, lastAttempt, successes, failures, lastError }) => {
      return Object.freeze({ peerId, addresses: [...addresses], lastAttempt, successes, failures, lastError })
    }),
    addNode: (address: string | Multiaddr) => dialler.tryNow(nodes.add(parseNode(address)))
  })
}
