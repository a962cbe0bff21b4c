/** Nodes that watch each other in the simulator. */
import { simulate, type SimNode, type World } from '@peerweave/simulator'
import { withPeer } from '@peerweave/interface'
import { Liveness } from '../src/liveness.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { LinkOptions } from '@peerweave/simulator'
import type { LostTime } from '../src/clock-watch.ts'

export interface Watcher {
  liveness: Liveness
  stop: () => void
}

export interface News {
  at: number
  /** Who tells, and of whom. */
  by: number
  of: number
}

export interface Watching {
  world: World<Watcher>
  suspected: News[]
  revived: News[]
  expired: News[]
  clocks: LostTime[]
  /** Whom each node is connected to, by index. */
  connected: (index: number) => number[]
}

export interface WatchingInit {
  seed: number
  nodes: number
  /** Others that each node dials; it is dialled by about as many. */
  dials: number
  links?: LinkOptions | undefined
  /** Silent peers are dialled when their connection is gone. @default true */
  canReach?: boolean | undefined
  keepAlive?: number | undefined
}

/** Resolves when all are connected and have watched each other for a while. */
export async function watching ({ seed, nodes, dials, links, canReach = true, keepAlive }: WatchingInit): Promise<Watching> {
  const index = new Map<string, number>()
  const found: Pick<Watching, 'suspected' | 'revived' | 'expired' | 'clocks'> = { suspected: [], revived: [], expired: [], clocks: [] }
  const world: World<Watcher> = simulate<Watcher>({
    seed,
    nodes,
    links,
    keepAlive,
    setup ({ index: by, host, clock, rng }: SimNode) {
      const tell = (list: News[]) => (peer: { toString: () => string }): void => {
        list.push({ at: world.clock.now(), by, of: index.get(peer.toString()) as number })
      }
      const liveness = new Liveness({
        host,
        clock,
        rng,
        onSuspect: tell(found.suspected),
        onAlive: tell(found.revived),
        onExpire: tell(found.expired),
        onClock: event => { found.clocks.push(event) },
        ...canReach && {
          reach: async (peer, { signal }) => {
            const address = addresses[index.get(peer.toString()) as number] as Multiaddr
            await host.dial([withPeer(address, peer)], { signal })
          }
        }
      })
      liveness.start()
      return { liveness, stop: () => liveness.stop() }
    }
  })
  await world.advance(1)
  const all = world.up()
  const addresses = all.map(({ address }) => address)
  for (const { index: i, peerId } of all) index.set(peerId.toString(), i)
  const rng = world.rng('who dials whom')
  for (const { index: i, host } of all) {
    const others = new Set<number>()
    while (others.size < Math.min(dials, nodes - 1)) {
      const other = rng.int(nodes)
      if (other !== i) others.add(other)
    }
    for (const other of others) {
      const target = all[other] as SimNode
      host.dial([withPeer(target.address, target.peerId)]).catch(() => {})
    }
  }
  await world.advance(10_000)
  const connected = (i: number): number[] => {
    const peers = world.node(i)?.host.connections().map(({ peer }) => index.get(peer.toString()) as number) ?? []
    return [...new Set(peers)]
  }
  return { world, connected, ...found }
}

/** The value that a share `q` of them does not exceed. */
export function quantile (values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}
