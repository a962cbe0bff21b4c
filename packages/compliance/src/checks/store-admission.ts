/** Clauses on who stays when there is no room for all. */
import { limits } from '@peerweave/interface'
import { address, addresses, claim, peer, peers, source } from '../store-evidence.ts'
import { addressesOf, pathsOf } from '../store-plain.ts'
import type { StoreTrial } from '../store-trial.ts'

const configured = source('bootstrap', { group: 'configured:bootstrap', isChosen: true })

export async function floodDisplacesOwn (trial: StoreTrial): Promise<void> {
  const [honest, hostile] = [await peers(10), await peers(200, 1_000)]
  const evidence = [
    ...hostile.map(id => claim(id, { from: source('gossip', { group: 'net:203.0' }) })),
    ...honest.map((id, i) => claim(id, { from: source('gossip', { group: `net:8.${i}` }) }))
  ]
  for (const [order, arriving] of [['first', evidence], ['last', [...evidence].reverse()]] as const) {
    const store = await trial.store({ capacity: 20 })
    await store.addPeers(arriving)
    const lost = honest.filter(id => store.peek(id) == null).length
    trial.equal(lost, 0, `a flood of 200 of one group came ${order}: how many peers of 10 other groups were displaced`)
  }
}

export async function floodOrderFree (trial: StoreTrial): Promise<void> {
  const ids = await peers(400)
  const evidence = ids.map((id, i) => claim(id, { from: source('gossip', { group: `net:${i % 3 === 0 ? 0 : i}` }) }))
  const kept: string[] = []
  for (const arriving of [evidence, [...evidence].reverse()]) {
    const store = await trial.store({ capacity: 150 })
    await store.addPeers(arriving)
    kept.push(ids.flatMap((id, i) => store.peek(id) == null ? [] : i).join(' '))
  }
  trial.expect(kept[0] === kept[1], `of 400 newcomers with room for 150 one order kept numbers ${kept[0]}, and the reverse order ${kept[1]}`)
}

export async function namingCostsNothing (trial: StoreTrial): Promise<void> {
  const store = await trial.store({ capacity: 50 })
  const [honest, hostile] = [await peers(10), await peers(500, 1_000)]
  const attacker = source('gossip', { group: 'net:6.6' })
  await store.addPeers(honest.map(id => claim(id, { from: attacker })))
  await store.addPeers(honest.map(id => claim(id, { from: configured })))
  for (const id of hostile) await store.addPeer(claim(id, { from: attacker }))
  const lost = honest.filter(id => !pathsOf(store.peek(id)).includes('bootstrap')).length
  trial.equal(lost, 0, 'how many of 10 that an attacker had named first were displaced with its own')
}

export async function chosenStay (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { from: configured }))
  for (let i = 0; i < 1_000; i++) {
    await store.addPeer(claim(id, { from: source('gossip', { group: `net:${i}` }), addresses: [address(9)] }))
    await store.withdraw(id, source('gossip', { group: `net:${i}`, reporter: 'forged' }), 0)
  }
  const paths = pathsOf(store.peek(id))
  trial.expect(paths.includes('bootstrap'), `after 1,000 others had claimed the peer the chosen source was not among ${paths.join(', ')}`)
}

export async function floodHidesNothing (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store(), await peer(1)]
  await store.addPeer(claim(id, { from: configured, addresses: [address(1)] }))
  await store.addPeer(claim(id, { from: source('dns'), addresses: [address(2)] }))
  for (let i = 0; i < limits.reportersPerGroup; i++) {
    const many = addresses(limits.addressesPerSource, 3 + i * limits.addressesPerSource)
    await store.addPeer(claim(id, { from: source('mdns', { reporter: `203.0.113.${i}` }), ttl: limits.ttlMax, addresses: many }))
  }
  const shown = addressesOf(store.peek(id))
  trial.expect(shown[0] === address(1), `a flood put ${shown[0]} before the address of the chosen source`)
  trial.expect(shown.includes(address(2)), `a flood of addresses hid ${address(2)}, which another source claims`)
}

export async function connectedNotDisplaced (trial: StoreTrial): Promise<void> {
  const [store, id] = [await trial.store({ capacity: 5 }), await peer(1)]
  await store.addPeer(claim(id))
  store.setConnection(id, 'connected')
  for (const other of await peers(100, 1_000)) await store.addPeer(claim(other))
  trial.equal(store.peek(id)?.connectionStatus, 'connected', 'a connected peer in a flood')
}
