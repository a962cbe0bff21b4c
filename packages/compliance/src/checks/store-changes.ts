/** Clauses on the change feed. */
import { limits, type Change } from '@peerweave/interface'
import { address, claim, peer, peers, source } from '../store-evidence.ts'
import { pathsOf } from '../store-plain.ts'
import type { StoreTrial } from '../store-trial.ts'

export async function changesTold (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const { changes } = await trial.follow(store)
  await store.addPeer(claim(id, { ttl: 5_000 }))
  await store.addPeer(claim(id, { ttl: 5_000 })) // a repeat: nothing to tell
  await store.addPeer(claim(id, { ttl: 5_000, from: source('dns') }))
  await store.withdraw(id, source('dns'), 1)
  store.setConnection(id, 'connecting')
  store.setIdentity(id, { protocols: ['/p'] })
  await trial.clock.advance(5_000)
  await store.expire(trial.clock.now())
  await trial.clock.advance(1)
  await store.addPeer(claim(id, { at: 5_001 }))
  await store.removePeer(id)
  await trial.clock.settle()
  trial.equal(changes.map(described), [
    'new by claim of mdns', 'updated by claim of dns from mdns to dns mdns',
    'updated by withdrawal of dns from dns mdns to mdns',
    'updated by connection from mdns to mdns', 'updated by identify from mdns to mdns',
    'lost by expiry', 'new by claim of mdns', 'lost by removal'
  ], 'changes told')
  const lost = changes.find(change => change.kind === 'lost')
  trial.equal(lost?.kind === 'lost' && pathsOf(lost.peer), ['mdns'], 'the sources of what was shown last')
}

export async function changesDisplaced (trial: StoreTrial): Promise<void> {
  const store = await trial.store({ capacity: 3 })
  const { changes } = await trial.follow(store)
  const outcomes: string[] = []
  for (const id of await peers(40)) outcomes.push((await store.addPeer(claim(id))).outcome)
  await trial.clock.settle()
  const [news, lost] = ['new', 'lost'].map(kind => changes.filter(change => change.kind === kind)) as [Change[], Change[]]
  trial.equal(outcomes.filter(outcome => outcome !== 'new' && outcome !== 'refused'), [], 'other outcomes than new and refused')
  trial.equal(news.length, outcomes.filter(outcome => outcome === 'new').length, 'newcomers told, of those that found a place')
  trial.equal(lost.map(described).filter(text => text !== 'lost by displaced'), [], 'peers lost otherwise than by being displaced')
  trial.equal(news.length - lost.length, store.size, 'newcomers told, less the lost')
}

export async function changesToAll (trial: StoreTrial): Promise<void> {
  const [store, [a, b, c]] = [await trial.store(), await peers(3)]
  if (a == null || b == null || c == null) return
  const [first, second] = [await trial.follow(store), await trial.follow(store)]
  const leaving = store.changes[Symbol.asyncIterator]()
  const got = leaving.next()
  await trial.clock.settle()
  await store.addPeer(claim(a))
  trial.expect((await trial.soon('a change', got)).done !== true, 'a reader ended before the store stopped')
  await leaving.return?.()
  const late = await trial.follow(store)
  await store.addPeer(claim(b))
  await trial.clock.settle()
  trial.equal([first, second, late].map(({ changes }) => changes.length), [2, 2, 1], 'changes that two readers and a later one got')
  trial.equal((await trial.soon('the end', leaving.next())).done, true, 'whether a reader that left is done')
}

/** More than may wait. */
const MISSED = 5

export async function changesMissed (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  const changes = store.changes[Symbol.asyncIterator]()
  const first = changes.next()
  await trial.clock.settle()
  await store.addPeer(claim(id))
  await trial.soon('a change', first)
  for (let i = 0; i < limits.changeFeed + MISSED; i++) {
    // Of one time of observation the one that stands longest counts, so each changes what is shown.
    await store.addPeer(claim(id, { ttl: 20_000 + i, metadata: new Map([['number', `${i}`]]) }))
  }
  const { value } = await trial.soon('a change', changes.next())
  trial.equal(value, { kind: 'missed', count: MISSED }, `what a reader gets when ${limits.changeFeed + MISSED} changes waited`)
  const next = (await trial.soon('a change', changes.next())).value as Change | undefined
  trial.equal(next?.kind, 'updated', 'what comes after that')
  await changes.return?.()
}

export async function changesEnd (trial: StoreTrial): Promise<void> {
  const [store, [a, b]] = [await trial.store(), await peers(2)]
  const following = await trial.follow(store)
  const changes = store.changes[Symbol.asyncIterator]()
  const waiting = [changes.next(), changes.next(), changes.next()]
  await trial.clock.settle()
  if (a != null && b != null) await store.addPeers([claim(a, { addresses: [address(1)] }), claim(b)])
  await store.stop()
  await trial.clock.settle()
  trial.equal([following.hasEnded, following.changes.length], [true, 2], 'whether a reader ended with stop, and the changes it got')
  const late = await trial.follow(store)
  trial.equal([late.hasEnded, late.changes.length], [true, 0], 'whether a reader that began after stop ended, and the changes it got')
  // All that wait on one iterator are woken, in order.
  let ended: unknown
  void Promise.all(waiting).then(results => { ended = results.map(({ done }) => done === true) })
  await trial.clock.settle()
  trial.equal(ended, [false, false, true], 'whether three that waited on one iterator were at its end')
}

function described (change: Change): string {
  if (change.kind === 'missed') return `missed ${change.count}`
  if (change.kind !== 'new' && change.kind !== 'updated' && change.kind !== 'lost') return JSON.stringify(change)
  const { kind, source } = change.cause
  const from = change.kind === 'updated' ? ` from ${pathsOf(change.previous).join(' ')} to ${pathsOf(change.peer).join(' ')}` : ''
  return `${change.kind} by ${kind}${source == null ? '' : ` of ${source}`}${from}`
}
