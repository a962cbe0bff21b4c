/** The port on publish and subscribe (gossipsub, or the simulator's). */
import type { PeerId } from '@libp2p/interface'

/** `from` signed the message, `via` handed it to us. */
export interface PubSubMessage {
  topic: string
  data: Uint8Array
  from: PeerId
  via: PeerId
}

/** `accept` delivers and forwards, `ignore` drops, `reject` drops and blames `via`. */
export type Verdict = 'accept' | 'ignore' | 'reject'

export interface Subscriber {
  /** Called before a message is delivered or forwarded; a throw counts as `ignore`. */
  validate?: ((message: PubSubMessage) => Verdict | Promise<Verdict>) | undefined
  onMessage: (message: PubSubMessage) => void
  /** Subscribers of the topic among our neighbours changed. */
  onPeers?: ((peers: PeerId[]) => void) | undefined
}

export interface Subscription {
  readonly topic: string
  unsubscribe: () => void
}

export interface PubSub {
  /** 0 recipients is an answer, not an error: nobody near subscribes yet. */
  publish: (topic: string, data: Uint8Array) => Promise<{ recipients: number }>
  /** One subscription per topic and node; a second one throws `TypeError`. */
  subscribe: (topic: string, subscriber: Subscriber) => Subscription
  peers: (topic: string) => PeerId[]
}
