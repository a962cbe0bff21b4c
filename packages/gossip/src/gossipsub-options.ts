/** Options for gossipsub itself, which is the node's own: what announcements want of it, and what it gets wrong by default. */
import { knownOptions, limits, names, numberOption, show } from '@peerweave/interface'

export interface GossipsubPresetOptions {
  /**
   * Who shares an IP address: `lan` (also one machine, containers): everybody may; `nat`: so many peers as sit behind one
   * office's or provider's router; `internet`: ten, gossipsub's own default.
   */
  colocation: 'lan' | 'nat' | 'internet'
  /** With `nat`: peers at one address before they count as an attack. @default 64 */
  peersPerAddress?: number | undefined
  /** As of `gossip`. @default 'peerweave' */
  prefix?: string | undefined
}

/** A part of what `gossipsub()` takes. */
export interface GossipsubPreset {
  /** Peer exchange of gossipsub's own is unsigned as js-libp2p reads it (security research T6): ours is signed. */
  doPX: false
  /** Nobody listening yet is no error: what was not heard is announced again. */
  allowPublishToZeroTopicPeers: true
  /** By default gossipsub verifies the signature of every copy of a message before it looks whether it had that message. */
  fastMsgIdFn: (message: PubSubEnvelope) => string
  scoreParams: {
    IPColocationFactorWeight: number
    IPColocationFactorThreshold: number
    topics: Record<string, TopicScore>
  }
}

/** What tells two messages apart, as gossipsub decodes them (gossipsub's `RPC.Message`). */
export interface PubSubEnvelope {
  from?: Uint8Array
  seqno?: Uint8Array
}

/** The score of our topic. Field names are gossipsub's own (gossipsub v1.1, "The Score Function"), all of which it wants. */
export interface TopicScore {
  topicWeight: number
  timeInMeshWeight: number
  timeInMeshQuantum: number
  timeInMeshCap: number
  firstMessageDeliveriesWeight: number
  firstMessageDeliveriesDecay: number
  firstMessageDeliveriesCap: number
  meshMessageDeliveriesWeight: number
  meshMessageDeliveriesDecay: number
  meshMessageDeliveriesCap: number
  meshMessageDeliveriesThreshold: number
  meshMessageDeliveriesWindow: number
  meshMessageDeliveriesActivation: number
  meshFailurePenaltyWeight: number
  meshFailurePenaltyDecay: number
  invalidMessageDeliveriesWeight: number
  invalidMessageDeliveriesDecay: number
}

/** Of these the weights count, and they are 0; the rest is gossipsub's own. */
const NO_DELIVERY_SCORE = {
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1,
  timeInMeshCap: 3_600,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 2_000,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 100,
  meshMessageDeliveriesThreshold: 20,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5
}

/** Peers behind one address that are no attack, where `nat` says nothing else. Chosen: a class of a school, an office floor. */
const PEERS_PER_NAT = 64

/** A peer id of any key that libp2p writes into ids has 42 at most (libp2p specs, peer-ids). */
const MAX_AUTHOR_BYTES = 64

/**
 * For `services: { pubsub: gossipsub({ ...gossipsubPreset({ colocation: 'lan' }) }) }`.
 *
 * By default gossipsub takes more than ten peers at one address for an attack: on one machine, in a container network or
 * behind one router the nodes in the middle of the net end without a mesh, and messages are lost. And whoever sends what a
 * validator rejects loses nothing by it, unless the topic has a score.
 *
 * @throws TypeError naming a wrong option
 * @see https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/gossipsub-v1.1.md
 */
export function gossipsubPreset (options: GossipsubPresetOptions): GossipsubPreset {
  knownOptions('gossipsubPreset', options, ['colocation', 'peersPerAddress', 'prefix'])
  const { colocation, prefix } = options
  if (!['lan', 'nat', 'internet'].includes(colocation)) throw new TypeError(`colocation must be lan, nat or internet, got ${show(colocation)}`)
  const perAddress = numberOption('peersPerAddress', options.peersPerAddress, PEERS_PER_NAT, { min: 1, max: limits.connections, integer: true })
  return {
    doPX: false,
    allowPublishToZeroTopicPeers: true,
    fastMsgIdFn,
    scoreParams: {
      IPColocationFactorWeight: colocation === 'lan' ? 0 : -5,
      IPColocationFactorThreshold: colocation === 'nat' ? perAddress : 10,
      topics: {
        [names(prefix).topics.peers]: {
          topicWeight: 1,
          // Announcements are seldom: nobody gains by bringing many, and nobody loses by bringing few.
          ...NO_DELIVERY_SCORE,
          // The square counts: three forged announcements are -90, below gossipsub's threshold for hearing a peer at all (-80).
          invalidMessageDeliveriesWeight: -10,
          // In a second: of three the score is below it for 6 s, of ten for two minutes. gossipsub hears a peer that was good
          // for a second longer, so with a quicker decay it would hear every peer all the time.
          invalidMessageDeliveriesDecay: 0.99
        }
      }
    }
  }
}

/**
 * Author and number: of signed messages gossipsub's own id, so copies are told by it as well as after their signature.
 * gossipsub notes an id only once a message of it verified: a forger can give none away.
 */
function fastMsgIdFn ({ from, seqno }: PubSubEnvelope): string {
  if (from == null || seqno == null || from.length > MAX_AUTHOR_BYTES || seqno.length !== 8) {
    // Not signed, or not well: no short cut. gossipsub heeds it, though its type does not say so.
    return undefined as unknown as string
  }
  return String.fromCharCode(...seqno, ...from)
}
