/**
 * Finds peers by gossip: everybody announces himself on a pubsub topic by his own signed record, and asks neighbours for
 * the records that he lacks.
 *
 * @packageDocumentation
 */
export { gossip, type Gossip } from './gossip.ts'
export { gossipsubPreset, type GossipsubPreset, type GossipsubPresetOptions, type PubSubEnvelope, type TopicScore } from './gossipsub-options.ts'
export type { GossipOptions } from './options.ts'
