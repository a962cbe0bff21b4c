/** The store on a damaged folder: it opens, says so when somebody is missing, goes on, and knows its anchors whatever was lost. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { seededRng, systemClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { levelPeerStore, type LevelPeerStore } from '../../src/index.ts'
import { nodeDisk } from '../../src/node.ts'
import { addressesOf, claim, peer } from '../support.ts'
import { KINDS } from './damage-kinds.ts'
import { byTier, tempFolder } from './support.ts'

const SEEDS = byTier({ default: 2, ci: 10, long: 200 })
const HOUR = 3_600_000

const ids = await Promise.all(Array.from({ length: 60 }, async (_, n) => peer(n)))
const anchors = ids.slice(0, 2)

function at (n: number): string {
  return `/ip4/20.${n}.0.1/tcp/4001`
}

async function open (path: string): Promise<LevelPeerStore> {
  const store = levelPeerStore({ disk: nodeDisk(), path })
  await store.start()
  return store
}

/** Opened thrice, so that there are tables. */
async function build (path: string): Promise<void> {
  for (let session = 0; session < 3; session++) {
    const store = await open(path)
    const now = systemClock().now()
    for (const [n, id] of ids.entries()) await store.addPeer(claim(id, { at: now, ttl: HOUR, addresses: [at(n)] }))
    for (const [n, id] of anchors.entries()) {
      await store.recordOutcome(id, multiaddr(at(n)), 'success')
      store.setConnection(id, 'connected')
    }
    await store.stop()
  }
}

// Of the ten kinds most leave the anchors' records whole; the last one leaves nothing but the file beside the folder.
describe.each([...KINDS, ['all of it is gone', (path: string) => { rmSync(path, { recursive: true }) }] as const])('%s', (_, damage) => {
  it(`costs the store no start and no anchor, ${SEEDS} seeds`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const folder = tempFolder()
      const path = join(folder, 'peers')
      await build(path)
      damage(path, seededRng(seed))
      const store = await open(path)
      expect(store.diskState, `seed ${seed}`).toBe('open')
      if (store.size < ids.length) expect(store.damage, `seed ${seed}`).toBeDefined()
      expect(store.anchors().map(info => info.peerId.toString()).sort(), `seed ${seed}`).toEqual(anchors.map(String).sort())
      for (const info of store.anchors()) expect(addressesOf(info)).toEqual([at(anchors.findIndex(id => info.peerId.equals(id)))])
      await store.addPeer(claim(ids[5] as typeof ids[0], { at: systemClock().now(), ttl: HOUR, addresses: [at(5)] }))
      await store.stop()
      const again = await open(path)
      expect(again.damage, `seed ${seed}`).toBeUndefined()
      expect(again.peek(ids[5] as typeof ids[0])).toBeDefined()
      await again.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }, 3_600_000)
})
