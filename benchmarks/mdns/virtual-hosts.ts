/** Many hosts on a link in memory, for times that nobody waits for. */
import { virtualClock } from '@peerweave/interface'
import { createPeer, MemoryLink } from '../../packages/mdns/test/support.ts'
import { Listing } from './listing.ts'

/** How many of the others the hosts do not list, in all, `ms` of virtual time after they joined. */
export async function missingAfter (hosts: number, ms: number): Promise<number> {
  const clock = virtualClock()
  const link = new MemoryLink(clock)
  const peers = await Promise.all(Array.from({ length: hosts }, async (_, i) => {
    const address = `10.77.0.${i + 1}`
    const { id, mechanism } = await createPeer({ clock, network: link.network(address) }, `/ip4/${address}/tcp/4001`)
    const listing = new Listing()
    mechanism.addEventListener('sighting', ({ detail }) => {
      const now = clock.now()
      if (detail.kind === 'claim') listing.add(detail.peerId.toString(), now, now + (detail.ttl ?? Infinity))
      else if (detail.kind === 'withdraw' && detail.multiaddrs == null) listing.remove(detail.peerId.toString())
    })
    return { id: id.toString(), mechanism, listing }
  }))
  await Promise.all(peers.map(async ({ mechanism }) => mechanism.start()))
  await clock.advance(ms)
  let missing = 0
  for (const { id, listing } of peers) {
    const ids = new Set(listing.ids(clock.now()))
    missing += peers.filter(other => other.id !== id && !ids.has(other.id)).length
  }
  await Promise.all(peers.map(async ({ mechanism }) => mechanism.stop()))
  return missing
}
