/** What is announced, taken back, and found again after a restart. */
import { defaultLogger } from '@libp2p/logger'
import { seededRng, virtualClock } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { base32 } from 'multiformats/bases/base32'
import { beforeEach, describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { Announcing } from '../src/announcing.ts'
import { namespaceKey, peerKey, providerKey } from '../src/provider-key.ts'
import { bytes } from './support/net.ts'
import type { CID } from 'multiformats/cid'
import type { Kad } from '../src/kad.ts'
import type { Queries } from '../src/queries.ts'

const NAMESPACE = '/test/peers/1.0.0'
const self = await peer(1)

let sent: CID[]
let cancelled: CID[]
/** Resolves when there is somebody to ask. */
let ready: PromiseWithResolvers<void>
let announcing: Announcing

beforeEach(() => {
  sent = []
  cancelled = []
  ready = Promise.withResolvers()
  announcing = new Announcing({
    kad: { cancelReprovide: async (key: CID) => { cancelled.push(key) } } as unknown as Kad,
    queries: {
      ready: async () => await ready.promise,
      provide: async (key: CID) => {
        sent.push(key)
        return 3
      }
    } as unknown as Queries,
    self,
    addresses: () => [multiaddr('/ip4/1.2.3.4/tcp/1')],
    clock: virtualClock(),
    rng: seededRng(1),
    wanted: 3,
    provideInterval: 3_600_000,
    republishInterval: 3_600_000,
    contacts: () => 1,
    log: defaultLogger().forComponent('test')
  })
})

describe('what is taken back while it waits for somebody to ask', () => {
  it('is not announced any more', async () => {
    const announced = announcing.announce(NAMESPACE, undefined)
    announced.catch(() => {})
    await new Promise(setImmediate)
    await announcing.withdraw()
    ready.resolve()
    await expect(announced).rejects.toMatchObject({ code: 'ERR_DHT' })
    expect(sent).toEqual([])
  })

  it('is not provided any more', async () => {
    const key = await providerKey(bytes('content'))
    const provided = announcing.provide(key, undefined)
    provided.catch(() => {})
    await announcing.stopProviding(key)
    ready.resolve()
    await expect(provided).rejects.toMatchObject({ code: 'ERR_DHT' })
    expect(sent).toEqual([])
  })
})

describe('after a restart', () => {
  it('what was provided is again, and where we are is said by nobody who was not told to', async () => {
    const [content, where, who] = [await providerKey(bytes('content')), await namespaceKey(NAMESPACE), await peerKey(self)]
    async function * own (): AsyncGenerator<{ multihash: string, at: number }> {
      for (const key of [content, where, who]) yield { multihash: base32.baseEncode(key.multihash.bytes), at: 0 }
    }
    await announcing.restore(own(), NAMESPACE)
    expect(announcing.size).toBe(1)
    expect(cancelled.map(String)).toEqual([where, who].map(String))
  })
})
