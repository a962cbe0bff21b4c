import { multiaddr } from '@multiformats/multiaddr'
import { virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { resolveFaults, type Faults } from '../src/faults.ts'
import { Network } from '../src/network.ts'

const NODES = [0, 1, 2, 3]
const addressOf = (node: number) => multiaddr(`/ip4/127.0.0.1/tcp/${4_000 + node}`)

const patient = new AbortController().signal

function world (seed: number, faults: Faults) {
  const clock = virtualClock()
  const network = new Network(seed, clock, resolveFaults(faults))
  for (const node of NODES) network.settle(node, [addressOf(node)])
  const plugs = NODES.map(node => network.plug(node))
  /** ms that a dial waits for TCP's handshake. */
  const dial = async (from: number, to: number): Promise<number> => {
    const started = clock.now()
    const way = plugs[from]?.open(multiaddr(`${addressOf(to)}/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X`), patient)
    let took = NaN
    const done = way?.then(() => { took = clock.now() - started })
    for (let ms = 0; Number.isNaN(took) && ms < 20_000; ms++) await clock.advance(1)
    await done
    return took
  }
  return { network, clock, dial }
}

const pairs = NODES.flatMap(a => NODES.filter(b => b !== a).map(b => [a, b] as const))

async function matrix ({ dial }: ReturnType<typeof world>): Promise<number[]> {
  const times: number[] = []
  for (const [a, b] of pairs) times.push(await dial(a, b))
  return times
}

describe('latency of a span', () => {
  it('is each pair\'s own, the same both ways, within the span and from the seed', async () => {
    const times = await matrix(world(1, { latency: { min: 20, max: 120 } }))
    expect(times.filter(time => time < 40 || time > 241)).toEqual([])
    expect(new Set(times).size).toBe(pairs.length / 2)
    expect(pairs.map(([a, b]) => times[pairs.findIndex(([x, y]) => x === b && y === a)])).toEqual(times)
    expect(await matrix(world(1, { latency: { min: 20, max: 120 } }))).toEqual(times)
    expect(await matrix(world(2, { latency: { min: 20, max: 120 } }))).not.toEqual(times)
  })

  it('changes with the faults', async () => {
    const all = world(1, { latency: { min: 20, max: 120 } })
    await matrix(all)
    all.network.faults = resolveFaults({ latency: 5 })
    expect(new Set(await matrix(all))).toEqual(new Set([10]))
  })
})

describe('a dial', () => {
  it('to somebody who is none of the net is left alone', async () => {
    const { network } = world(1, { latency: 1_000, failedDials: 1 })
    network.cut(() => true, true)
    expect(await network.open(0, multiaddr('/ip4/127.0.0.1/tcp/1'), patient)).toBeUndefined()
  })

  it('across a cut is refused before a socket is opened', async () => {
    const { network, clock } = world(1, {})
    network.cut((a, b) => a + b === 1, false)
    const dials = expect(network.open(0, addressOf(1), patient)).rejects.toThrow('the testnet cut node 0 from node 1')
    const other = expect(network.open(0, addressOf(2), patient)).resolves.toEqual({ to: 2, attempt: 1 })
    await clock.advance(1)
    await Promise.all([dials, other])
  })

  it('across a silent cut waits for its end', async () => {
    const { network, clock } = world(1, {})
    network.cut(() => true, true)
    let isThrough = false
    const dial = network.open(0, addressOf(1), patient).then(() => { isThrough = true })
    await clock.advance(60_000)
    expect(isThrough).toBe(false)
    network.heal()
    await dial
  })

  it('across a silent cut ends with its signal', async () => {
    const { network, clock } = world(1, {})
    network.cut(() => true, true)
    const controller = new AbortController()
    const dial = expect(network.open(0, addressOf(1), controller.signal)).rejects
      .toMatchObject({ name: 'AbortError', cause: { message: 'enough' } })
    await clock.advance(1)
    controller.abort(new Error('enough'))
    await dial
  })
})
