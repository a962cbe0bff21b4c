/**
 * The life cycle that every mechanism owes (DESIGN §4), written once: an author says how to open, how to ask and how to
 * close, and gets start and stop in any order, rounds that end by their deadline, status, counters and the own id
 * filtered out.
 *
 * @example
 * ```ts
 * export const fileList = (path: string) => (context: MechanismContext) => defineMechanism(context, {
 *   name: 'file-list',
 *   type: 'file-list',
 *   async * round ({ signal }) {
 *     for (const peer of await readPeers(path, { signal })) {
 *       yield { kind: 'claim', peerId: peer.id, multiaddrs: peer.addresses, ttl: 600_000, reporter: { configured: true } }
 *     }
 *   }
 * })
 * ```
 */
import { DefinedMechanism } from './defined-mechanism.ts'
import type { DiscoveryMechanism } from './discovery.ts'
import type { MechanismContext } from './mechanism-context.ts'
import type { DropCounter, MechanismSpec } from './mechanism-spec.ts'

export function defineMechanism (context: Pick<MechanismContext, 'ports'>, spec: MechanismSpec): DiscoveryMechanism {
  return new DefinedMechanism(context.ports.host.self, spec)
}

/** A table of dropped input and the function that counts into it. */
export function dropCounter (): { dropped: Record<string, number>, drop: DropCounter } {
  const dropped: Record<string, number> = Object.create(null)
  return { dropped, drop: reason => { dropped[reason] = (dropped[reason] ?? 0) + 1 } }
}
