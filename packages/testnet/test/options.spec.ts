import { describe, expect, it } from 'vitest'
import { createTestnet } from '../src/index.ts'

describe('createTestnet refuses', () => {
  it.each<[unknown, unknown, string]>([
    [0, {}, 'n must be a whole number from 1 to 100, got 0'],
    [101, {}, 'n must be a whole number from 1 to 100, got 101'],
    [301, { transports: 'memory' }, 'n must be a whole number from 1 to 300, got 301'],
    [101, { transports: ['memory', 'tcp'] }, 'n must be a whole number from 1 to 100, got 101'],
    [1.5, {}, 'n must be a whole number from 1 to 100, got 1.5'],
    ['3', {}, 'n must be a whole number from 1 to 100, got "3"'],
    [undefined, {}, 'n must be a whole number from 1 to 100, got NaN'],
    [2, { wires: 'ring' }, 'createTestnet has no option "wires"'],
    [2, { transports: 'quic' }, "transports must be 'tcp' or 'memory', or a list of these, got \"quic\""],
    [2, { transports: [] }, "transports must be 'tcp' or 'memory', or a list of these, got []"],
    [2, { seed: -1 }, 'seed must be a whole number from 0 to 4294967295, got -1'],
    [2, { seed: 2 ** 32 }, 'seed must be a whole number from 0 to 4294967295, got 4294967296'],
    [2, { wiring: 'star' }, "wiring must be 'none', 'ring', { links } or a list of dials, got \"star\""],
    [2, { wiring: { links: 0 } }, 'wiring.links must be a whole number from 1 to 300, got 0'],
    [2, { wiring: { dials: 2 } }, 'wiring has no option "dials"'],
    [2, { wiring: [[0, 2]] }, 'wiring must list pairs of two different nodes from 0 to 1, got [0, 2]'],
    [2, { wiring: [[1, 1]] }, 'wiring must list pairs of two different nodes from 0 to 1, got [1, 1]'],
    [2, { wiring: 'ring', start: false }, "wiring must be 'none' where start is false"],
    [2, { start: 'no' }, 'start must be true or false, got "no"'],
    [2, { pubsub: 'gossip' }, 'pubsub must be true, false or options of gossipsub, got "gossip"'],
    [2, { mechanisms: { discovery: {} } }, 'mechanisms.discovery must be a service factory, got {}'],
    [2, { mechanisms: () => ({ discovery: 1 }) }, 'mechanisms.discovery must be a service factory, got 1'],
    [2, { mechanisms: { pubsub: () => ({}) } }, 'mechanisms.pubsub must have another name: every node has its own pubsub'],
    [2, { mechanisms: { identify: () => ({}) } }, 'mechanisms.identify must have another name'],
    [2, { faults: { jitter: 1 } }, 'faults has no option "jitter"; it knows latency, loss, failedDials, connectionLifetime'],
    [2, { faults: { latency: -1 } }, 'faults.latency must be a number from 0 to 5000, got -1'],
    [2, { faults: { latency: 'slow' } }, 'faults.latency must be a number or { min, max }, got "slow"'],
    [2, { faults: { latency: { min: 3, max: 2 } } }, 'faults.latency.max must be a number from 3 to 5000, got 2'],
    [2, { faults: { latency: { min: 3 } } }, 'faults.latency.max must be a number from 3 to 5000, got NaN'],
    [2, { faults: { loss: 1.1 } }, 'faults.loss must be a number from 0 to 1, got 1.1'],
    [2, { faults: { failedDials: 50 } }, 'faults.failedDials must be a number from 0 to 1, got 50'],
    [2, { faults: { connectionLifetime: 0 } }, 'faults.connectionLifetime must be a number from 1 to 86400000, got 0']
  ])('%j, %j', async (n, options, message) => {
    const error = await createTestnet(n as number, options as object).then(() => undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toContain(message)
  })

  it('nothing that is right at the bounds', async () => {
    const net = await createTestnet(1, {
      seed: 2 ** 32 - 1,
      start: false,
      mechanisms: { pubsub: () => ({}) },
      pubsub: false,
      faults: { latency: 5_000, loss: 1, failedDials: 1, connectionLifetime: { min: 1, max: 1 } }
    })
    expect(net.seed).toBe(2 ** 32 - 1)
    await net.stop()
  })
})
