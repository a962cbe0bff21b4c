import { limits } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { gossip, gossipsubPreset, type GossipOptions, type GossipsubPresetOptions } from '../src/index.ts'
import { resolveOptions } from '../src/options.ts'

describe('the options of gossip', () => {
  it('have the defaults of the documents', () => {
    expect(resolveOptions({})).toMatchObject({
      name: 'gossip', prefix: 'peerweave', topic: '/peerweave/peers/1.0.0', pubsub: undefined, fanout: 3, interval: 30_000, maxPeers: 50, history: 1_000, hops: 3, refresh: 300_000
    })
  })

  it.each<[GossipOptions, string]>([
    [{ fanout: 0 }, `fanout must be a whole number from 1 to ${limits.connections}, got 0`],
    [{ fanout: 1.5 }, `fanout must be a whole number from 1 to ${limits.connections}, got 1.5`],
    [{ interval: 499 }, 'interval must be a number from 500 to 300000, got 499'],
    [{ interval: 300_001 }, 'interval must be a number from 500 to 300000, got 300001'],
    [{ maxPeers: 0 }, `maxPeers must be a whole number from 1 to ${limits.newPeers}, got 0`],
    [{ history: 0 }, 'history must be a whole number from 1 to 1000000, got 0'],
    [{ hops: 0 }, 'hops must be a whole number from 1 to 16, got 0'],
    [{ hops: 17 }, 'hops must be a whole number from 1 to 16, got 17'],
    [{ refresh: 999 }, 'refresh must be a number from 1000 to 300000, got 999'],
    [{ refresh: NaN }, 'refresh must be a number from 1000 to 300000, got NaN'],
    [{ hashKey: new Uint8Array(7) }, 'hashKey must be 8 bytes, got 7'],
    [{ pubsub: 5 as never }, 'pubsub must be the name of a service, got 5'],
    [{ name: 'a/b' }, 'name must be 1 to 64 letters, digits, ".", "_" or "-", got "a/b"'],
    [{ fanOut: 3 } as never, 'gossip has no option "fanOut"; it knows name, prefix, pubsub, fanout, interval, maxPeers, history, hops, refresh, clock, rng, hashKey']
  ])('%j is refused by name', (options, message) => {
    expect(() => gossip(options)).toThrow(new TypeError(message))
  })

  it('at their bounds are taken', () => {
    for (const options of [
      { fanout: 1, interval: 500, maxPeers: 1, history: 1, hops: 1, refresh: 1_000 },
      { fanout: limits.connections, interval: 300_000, maxPeers: limits.newPeers, history: 1_000_000, hops: 16, refresh: 300_000 }
    ]) expect(resolveOptions(options)).toMatchObject(options)
  })
})

describe('the options of gossipsubPreset', () => {
  it.each<[GossipsubPresetOptions, number, number]>([
    [{ colocation: 'lan' }, 0, 10],
    [{ colocation: 'nat' }, -5, 64],
    [{ colocation: 'nat', peersPerAddress: 20 }, -5, 20],
    [{ colocation: 'internet' }, -5, 10]
  ])('%j', (options, weight, threshold) => {
    const { scoreParams, fastMsgIdFn: _, ...rest } = gossipsubPreset(options)
    expect([scoreParams.IPColocationFactorWeight, scoreParams.IPColocationFactorThreshold]).toEqual([weight, threshold])
    expect(rest).toEqual({ doPX: false, allowPublishToZeroTopicPeers: true })
    expect(Object.keys(scoreParams.topics)).toEqual(['/peerweave/peers/1.0.0'])
  })

  it('name the topic of the prefix', () => {
    expect(Object.keys(gossipsubPreset({ colocation: 'lan', prefix: 'other' }).scoreParams.topics)).toEqual(['/other/peers/1.0.0'])
  })

  it.each<[unknown, string]>([
    [{}, 'colocation must be lan, nat or internet, got undefined'],
    [{ colocation: 'wan' }, 'colocation must be lan, nat or internet, got "wan"'],
    [{ colocation: 'nat', peersPerAddress: 0 }, `peersPerAddress must be a whole number from 1 to ${limits.connections}, got 0`],
    [{ colocation: 'nat', peers: 1 }, 'gossipsubPreset has no option "peers"; it knows colocation, peersPerAddress, prefix']
  ])('%j is refused by name', (options, message) => {
    expect(() => gossipsubPreset(options as GossipsubPresetOptions)).toThrow(new TypeError(message))
  })
})
