/** Clauses on how claims become one view. */
import { limits, seededRng, shuffle, type Evidence } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { address, addresses, claim, peer, peers, source } from '../store-evidence.ts'
import { addressesOf, pathsOf, textOf } from '../store-plain.ts'
import { describeStep, LAST_STAMP, randomSteps, take } from '../store-steps.ts'
import type { StoreTrial } from '../store-trial.ts'

export async function oneEntry (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  trial.equal(await store.addPeer(claim(id, { from: source('mdns') })), { outcome: 'new' }, 'the first claim')
  trial.equal(await store.addPeer(claim(id, { from: source('dns'), addresses: [address(2)] })), { outcome: 'updated' }, 'another source')
  trial.equal(store.size, 1, 'size')
  trial.equal(addressesOf(store.peek(id)).sort(), addresses(2), 'addresses')
  trial.equal(pathsOf(store.peek(id)), ['dns', 'mdns'], 'sources')
  trial.equal(textOf(await store.getPeer(id)), textOf(store.peek(id)), 'getPeer() beside peek()')
  const summary = await store.addPeers([claim(id, { from: source('mdns') }), claim(await peer(2)), claim(await peer(3), { addresses: [] })])
  trial.equal(summary, { new: 1, updated: 0, unchanged: 1, refused: 1 }, 'addPeers() of a repeat, a newcomer and one without address')
}

export async function repeatUnchanged (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id))
  const before = store.peek(id)?.expiresAt ?? NaN
  trial.equal(await store.addPeer(claim(id)), { outcome: 'unchanged' }, 'the same claim again')
  await trial.clock.advance(1_000)
  trial.equal(await store.addPeer(claim(id, { at: 1_000 })), { outcome: 'unchanged' }, 'a refresh')
  trial.equal(store.peek(id)?.expiresAt, before + 1_000, 'expiresAt after a refresh 1,000 ms later')
}

export async function orderFree (trial: StoreTrial): Promise<void> {
  const rng = seededRng(trial.seed)
  const [ordered, shuffled] = [await trial.store(), await trial.store()]
  await trial.clock.advance(LAST_STAMP)
  const cases = (await peers(trial.cases, 100)).map(id => ({ id, steps: randomSteps(rng, id) }))
  for (const { steps } of cases) {
    for (const step of steps) await take(ordered, step)
    const repeats = steps.filter(() => rng.int(4) === 0)
    for (const step of [...shuffle(rng, steps), ...shuffle(rng, repeats)]) await take(shuffled, step)
  }
  for (const later of [0, 3_000, 3_000, 4_000]) {
    await trial.clock.advance(later)
    // One of them sweeps: what counts is decided by the time, not by whether anybody swept.
    if (later > 0) await ordered.expire(trial.clock.now())
    for (const [i, { id, steps }] of cases.entries()) {
      const [one, other] = [textOf(ordered.peek(id)), textOf(shuffled.peek(id))]
      trial.expect(one === other, () => `seed ${trial.seed}, case ${i}, at ${trial.clock.now()}: ` +
        `${steps.map(describeStep).join(', ')} in this order gave ${one ?? 'nobody'}, and in another ${other ?? 'nobody'}`)
    }
  }
}

export async function itemsApart (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { ttl: 9_000, from: source('dns'), protocols: ['/p'], metadata: new Map([['k', 'old']]) }))
  await trial.clock.advance(1_000)
  await store.addPeer(claim(id, { at: 1_000, ttl: 9_000, from: source('dns'), protocols: [] }))
  trial.equal(store.peek(id)?.protocols, ['/p'], 'protocols after a later claim without them')
  await store.addPeer(claim(id, { at: 1_000, ttl: 2_000, metadata: new Map([['k', 'new']]) }))
  trial.equal(store.peek(id)?.metadata.get('k'), 'new', 'metadata that two sources give: the newer one')
  await trial.clock.advance(3_000)
  trial.equal(store.peek(id)?.metadata.get('k'), 'old', 'metadata once the newer one has run out')
}

export async function refusesStale (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await trial.clock.advance(limits.evidenceLag + 1)
  const refused = { outcome: 'refused', reason: 'stale-evidence' }
  trial.equal(await store.addPeer(claim(id, { at: 0, ttl: 600_000 })), refused, `evidence ${limits.evidenceLag + 1} ms old`)
  trial.expect(store.peek(id) == null, 'refused evidence is in the view')
  trial.equal(await store.addPeer(claim(id, { at: 1, ttl: 600_000 })), { outcome: 'new' }, `evidence ${limits.evidenceLag} ms old`)
  trial.equal(await store.withdraw(id, source('mdns'), 0), refused, `a goodbye ${limits.evidenceLag + 1} ms old`)
  trial.expect(store.peek(id) != null, 'a refused goodbye took a peer out of the view')
}

export async function refusesNoAddress (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const refused = await store.addPeer(claim(id, { addresses: [] }))
  trial.equal(refused, { outcome: 'refused', reason: 'no-address' }, 'a claim without address of a peer that is not known')
  trial.equal([store.size, store.peek(id) == null], [0, true], 'size, and whether it is absent')
}

export async function evidenceCopied (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const from = source('mdns')
  const [protocols, metadata] = [['/p'], new Map([['k', 'v']])]
  const evidence: Evidence = claim(id, { from, protocols, metadata })
  await store.addPeer(evidence)
  const claimed = (): unknown => {
    const shown = store.peek(id)
    return [addressesOf(shown), pathsOf(shown), shown?.protocols, [...shown?.metadata ?? []], shown?.expiresAt]
  }
  const before = claimed()
  evidence.multiaddrs.splice(0, 1, multiaddr(address(9)))
  protocols.push('/q')
  metadata.set('k', 'w')
  from.path = 'other'
  evidence.expiresAt = Infinity
  await trial.clock.advance(0)
  await store.addPeer(claim(id)) // so that no snapshot is left from before
  trial.equal(claimed(), before, 'what is shown after the caller changed what it had handed in')
}
