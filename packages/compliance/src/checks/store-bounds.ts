/** Clauses on what one peer and one source may fill: one less than the bound, the bound, and one more. */
import { limits } from '@peerweave/interface'
import { address, addresses, claim, peer, peers, source } from '../store-evidence.ts'
import { addressesOf } from '../store-plain.ts'
import type { StoreTrial } from '../store-trial.ts'
import type { PeerStore, Source } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

export async function addressesPerSource (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const bound = limits.addressesPerSource
  for (const [i, count] of around(bound).entries()) {
    const id = await peer(i)
    await store.addPeer(claim(id, { addresses: addresses(count) }))
    trial.equal(addressesOf(store.peek(id)).length, Math.min(count, bound), `addresses shown of ${count} that one source claims`)
  }
  const id = await peer(9)
  await store.addPeer(claim(id, { addresses: addresses(bound) }))
  await trial.clock.advance(1)
  await store.addPeer(claim(id, { at: 1, addresses: [address(99)] }))
  const shown = addressesOf(store.peek(id))
  trial.expect(shown.length === bound && shown.includes(address(99)), `at the bound the latest address is not among ${shown.join(', ')}`)
}

export async function addressesPerPeer (trial: StoreTrial): Promise<void> {
  const store = await trial.store()
  const bound = limits.addressesPerPeer
  for (const [n, count] of around(bound).entries()) {
    const id = await peer(n)
    for (let i = 0; i < count; i++) await store.addPeer(claim(id, { from: source(`s${i}`), addresses: [address(i)] }))
    trial.equal(addressesOf(store.peek(id)).length, Math.min(count, bound), `addresses shown of ${count} that as many sources claim`)
  }
}

export async function sourcesPerPeer (trial: StoreTrial): Promise<void> {
  await boundSources(trial, limits.sourcesPerPeer, i => source('gossip', { group: `net:${i}` }))
}

export async function reportersPerGroup (trial: StoreTrial): Promise<void> {
  await boundSources(trial, limits.reportersPerGroup, i => source('gossip', { reporter: `r${i}` }))
}

export async function capacity (trial: StoreTrial): Promise<void> {
  const store = await trial.store({ capacity: 3 })
  for (const [i, id] of (await peers(4)).entries()) {
    await store.addPeer(claim(id))
    trial.equal([store.size, (await trial.listed(store)).length], [Math.min(i + 1, 3), Math.min(i + 1, 3)], `peers of ${i + 1} with room for 3`)
  }
}

async function boundSources (trial: StoreTrial, bound: number, sourceOf: (i: number) => Source): Promise<void> {
  const store = await trial.store()
  for (const [n, count] of [...around(bound), 4 * bound].entries()) {
    const id = await peer(n)
    for (let i = 0; i < count; i++) await store.addPeer(claim(id, { from: sourceOf(i) }))
    trial.equal(sourcesOf(store, id), Math.min(count, bound), `sources kept of ${count}`)
  }
}

function sourcesOf (store: PeerStore, id: PeerId): number {
  return new Set(store.evidence(id).map(({ source: { path, group, reporter } }) => JSON.stringify([path, group, reporter]))).size
}

function around (bound: number): number[] {
  return [bound - 1, bound, bound + 1]
}
