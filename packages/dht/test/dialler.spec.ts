/** Whom kad-dht's wishes make us dial, and on what grounds. */
import { multiaddr } from '@multiformats/multiaddr'
import { LimitExceededError, limits, NetworkError, seededRng, type DialOptions } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { Beliefs } from '../src/beliefs.ts'
import { Dialler, type DiallerInit } from '../src/dialler.ts'

const someone = await peer(1)
const address = multiaddr('/ip4/10.0.0.1/tcp/1')

function make (error: Error): { dialler: Dialler, dials: Array<DialOptions | undefined>, gone: string[] } {
  const dials: Array<DialOptions | undefined> = []
  const gone: string[] = []
  const dialler = new Dialler({
    host: {
      dial: async (_: unknown, options?: DialOptions) => {
        dials.push(options)
        throw error
      }
    } as unknown as DiallerInit['host'],
    // Connected to somebody else: where nobody can be reached, the fault is ours.
    connectionManager: { getConnections: (id?: unknown) => id == null ? [{}] : [] } as unknown as DiallerInit['connectionManager'],
    peerStore: { get: async () => ({ addresses: [{ multiaddr: address, isCertified: false }] }) } as unknown as DiallerInit['peerStore'],
    beliefs: { mayDial: () => true, isTheirs: () => false } as unknown as DiallerInit['beliefs'],
    rng: seededRng(1),
    onUnreachable: id => gone.push(id.toString())
  })
  dialler.start(new AbortController().signal)
  return { dialler, dials, gone }
}

describe('a contact', () => {
  it('is dialled on hearsay: an address that many ids claim is not dialled for each', async () => {
    const { dialler, dials, gone } = make(new NetworkError('nobody there'))
    await expect(dialler.connect(someone, undefined)).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    expect(dials).toMatchObject([{ isHearsay: true }])
    expect(gone).toEqual([someone.toString()])
  })

  it('that may not be dialled again yet is not called unreachable', async () => {
    const { dialler, gone } = make(new LimitExceededError('dialled lately'))
    await expect(dialler.connect(someone, undefined)).rejects.toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' })
    expect(gone).toEqual([])
  })
})

describe('its addresses', () => {
  const texts = Array.from({ length: 30 }, (_, i) => `/ip4/1.1.1.${i}/tcp/1`)
  const of = async (known: string[]): Promise<string[]> => {
    const beliefs = new Beliefs({ policy: undefined, isPublicOnly: true, drop: () => {} })
    const real = multiaddr('/ip4/95.1.1.1/tcp/1')
    beliefs.believe(someone, [real], { peer: someone, remoteAddr: multiaddr('/ip4/95.1.1.1/tcp/999') })
    const book = [...known.map(text => multiaddr(text)), real].map(multiaddr => ({ multiaddr, isCertified: false }))
    const dialler = new Dialler({
      host: {} as unknown as DiallerInit['host'],
      connectionManager: { getConnections: () => [] },
      peerStore: { get: async () => ({ addresses: book }) } as unknown as DiallerInit['peerStore'],
      beliefs,
      rng: seededRng(1),
      onUnreachable: () => {}
    })
    return (await dialler.addresses(someone)).map(String)
  }

  // Found in review: libp2p keeps them in the order of the alphabet, and the first eight were dialled.
  it('that others made up do not push out those that it said itself', async () => {
    const found = await of(texts)
    expect(found).toHaveLength(limits.addressesPerDial)
    expect(found[0]).toBe(`/ip4/95.1.1.1/tcp/1/p2p/${someone}`)
  })

  it('that cannot be read back from their text keep it from being dialled at no other', async () => {
    const odd = multiaddr([{ name: 'ip4', code: 4, value: '1.2.3.4' }, { name: 'tcp', code: 6, value: '80' }, { name: 'sni', code: 449, value: 'a/b' }])
    const beliefs = new Beliefs({ policy: undefined, isPublicOnly: true, drop: () => {} })
    const dialler = new Dialler({
      host: {} as unknown as DiallerInit['host'],
      connectionManager: { getConnections: () => [] },
      peerStore: { get: async () => ({ addresses: [odd, multiaddr('/ip4/95.1.1.1/tcp/1')].map(multiaddr => ({ multiaddr, isCertified: false })) }) } as unknown as DiallerInit['peerStore'],
      beliefs,
      rng: seededRng(1),
      onUnreachable: () => {}
    })
    expect((await dialler.addresses(someone)).map(String)).toContain(`/ip4/95.1.1.1/tcp/1/p2p/${someone}`)
  })
})
