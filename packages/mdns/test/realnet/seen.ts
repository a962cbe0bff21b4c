/** Reads what peers of `peer-main.ts` saw. */
import type { LanHost } from '../../../../test/support/namespaces.ts'
import { startChild, type Child } from './child.ts'
import type { Seen } from './peer-main.ts'

export type PeerChild = Child<Seen>

export function startPeers (host: LanHost): PeerChild {
  return startChild<Seen>(host, 'peer-main.ts')
}

/** What `by` saw of `id` from the `after`th event on, which is how many there were at a moment. */
export function seen (child: PeerChild, by: string, kind: Seen['kind'], id: string, after = 0): Seen[] {
  return child.events.slice(after).filter(event => event.by === by && event.kind === kind && event.id === id)
}

/** As `by` is told it: addresses of all claims of `id` from the `after`th event on. */
export function claimed (child: PeerChild, by: string, id: string, after = 0): string[] {
  return [...new Set(seen(child, by, 'claim', id, after).flatMap(({ addresses }) => addresses))]
}

/** Now, comparable with {@link Seen.at}. */
export function wallNow (): number {
  return performance.timeOrigin + performance.now()
}
