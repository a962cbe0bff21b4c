/** What the tests share: nodes with gossip on a network in memory, in virtual time. */
import { complianceContext, memoryNetwork, type ComplianceContext, type ComplianceContextOptions, type MemoryNetwork } from '@peerweave/compliance'
import { names, seededRng, virtualClock, type Claim, type PubSubMessage, type Sighting, type Subscriber, type Verdict, type VirtualClock } from '@peerweave/interface'
import { keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { multiaddr } from '@multiformats/multiaddr'
import { onTestFinished } from 'vitest'
import { peer, peerKey } from '../../../test/support/peers.ts'
import { gossip, type Gossip, type GossipOptions } from '../src/index.ts'
import { decodeAnnouncement, encodeAnnouncement } from '../src/message.ts'
import type { PeerId } from '@libp2p/interface'

export { peer, peerKey }

export const TOPIC = names().topics.peers

/** An announcement as a listener got it. */
export interface Announced {
  from: PeerId
  seq: bigint
  addresses: string[]
  /** By the clock. */
  at: number
}

export interface Member {
  readonly self: PeerId
  readonly context: ComplianceContext
  readonly gossip: Gossip
  /** All that it said unasked. */
  readonly said: Sighting[]
  /** Ids that it claims at the moment, by whose word. */
  claimed: () => string[]
  /** Hands it a message as gossipsub would, and says what became of it. */
  hand: (message: Omit<PubSubMessage, 'topic'>) => Promise<Verdict>
  /** As {@link hand}, until all that follows of it is done. */
  deliver: (message: Omit<PubSubMessage, 'topic'>) => Promise<Verdict>
}

export interface NodeOptions extends ComplianceContextOptions {
  /** Before gossip gets it. */
  prepare?: (context: ComplianceContext) => void
}

export interface Net {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  /** A started node with gossip, stopped after the test. */
  member: (options?: GossipOptions, node?: NodeOptions) => Promise<Member>
  /** As above, not started. */
  made: (options?: GossipOptions, node?: NodeOptions) => Promise<Member>
  /** One without, that notes what is announced. */
  listener: (context?: ComplianceContextOptions) => Promise<{ context: ComplianceContext, self: PeerId, heard: Announced[] }>
  connect: (from: { context: ComplianceContext }, to: { context: ComplianceContext }) => Promise<void>
  /** Lets time pass until it holds; a minute and not longer. */
  until: (condition: () => boolean, ms?: number) => Promise<void>
}

/** Keys of a net's nodes; those that tests make up themselves have low numbers. */
let nodes = 1_000

export function createNet (): Net {
  const clock = virtualClock()
  const network = memoryNetwork(clock)
  const join = async (given: ComplianceContextOptions = {}): Promise<ComplianceContext> => {
    return await complianceContext({ network, privateKey: await peerKey(nodes++), ...given })
  }

  const net: Net = {
    clock,
    network,
    async made (options = {}, { prepare, ...given } = {}) {
      const context = await join(given)
      const { pubsub, host } = context.ports
      let subscriber: Subscriber | undefined
      const { subscribe } = pubsub
      pubsub.subscribe = (topic, given) => subscribe(topic, subscriber = given)
      prepare?.(context)
      const made = gossip({ clock, rng: seededRng(nodes), hashKey: new Uint8Array(8), ...options })(context)
      const said: Sighting[] = []
      made.addEventListener('sighting', ({ detail }) => said.push(detail))
      const hand = async (message: Omit<PubSubMessage, 'topic'>): Promise<Verdict> => {
        const received = { topic: TOPIC, ...message }
        const verdict = await subscriber?.validate?.(received) ?? 'ignore'
        if (verdict === 'accept') subscriber?.onMessage(received)
        return verdict
      }
      return {
        self: host.self,
        context,
        gossip: made,
        said,
        claimed: () => standing(said),
        hand,
        async deliver (message) {
          const verdict = await hand(message)
          await clock.settle()
          return verdict
        }
      }
    },
    async member (options, node) {
      const member = await net.made(options, node)
      onTestFinished(async () => { await stop(member, clock) })
      await member.gossip.start()
      await member.gossip.afterStart?.()
      return member
    },
    async listener (given) {
      const context = await join(given)
      const heard: Announced[] = []
      context.ports.pubsub.subscribe(TOPIC, {
        onMessage ({ data, from }) {
          const at = clock.now()
          void openPeerRecord(decodeAnnouncement(data) ?? new Uint8Array()).then(({ record }) => {
            if (record != null) heard.push({ from, seq: record.seq, addresses: record.addresses.map(String), at })
          })
        }
      })
      return { context, self: context.ports.host.self, heard }
    },
    async connect (from, to) {
      await from.context.ports.host.dial(to.context.ports.host.addresses())
    },
    async until (condition, ms = 60_000) {
      for (let waited = 0; !condition(); waited += 10) {
        if (waited > ms) throw new Error(`not within ${ms} ms: ${condition}`)
        await clock.advance(10)
      }
    }
  }
  return net
}

/** As libp2p stops a service, while time passes. */
export async function stop ({ gossip }: Pick<Member, 'gossip'>, clock: VirtualClock): Promise<void> {
  let isDone = false
  const stopping = (async () => {
    await gossip.beforeStop?.()
    await gossip.stop()
    isDone = true
  })()
  while (!isDone) await clock.advance(100)
  await stopping
}

/** What stands after these, as `<peer> by <source>`. */
export function standing (said: readonly Sighting[]): string[] {
  const claims = new Set<string>()
  for (const sighting of said) {
    if (sighting.kind === 'endpoint') continue
    const { configured, peer } = sighting.reporter ?? {}
    const key = `${sighting.peerId} by ${configured === true ? 'the user' : peer}`
    if (sighting.kind === 'claim') claims.add(key)
    else claims.delete(key)
  }
  return [...claims].sort()
}

export function claimsOf (said: readonly Sighting[], id: PeerId): Claim[] {
  return said.filter((sighting): sighting is Claim => sighting.kind === 'claim' && sighting.peerId.equals(id))
}

/** An announcement by a peer of that number, in bytes. */
export async function announcement (number: number, seq: bigint, ...addresses: string[]): Promise<Uint8Array> {
  return encodeAnnouncement(await sealed(number, seq, ...addresses))
}

export async function sealed (number: number, seq: bigint, ...addresses: string[]): Promise<Uint8Array> {
  return await sealPeerRecord({ signer: keySigner(await peerKey(number)), multiaddrs: addresses.map(text => multiaddr(text)), seq })
}
