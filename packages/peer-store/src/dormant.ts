/** What is shown of a peer of whom nothing counts any more, to dial it all the same. */
import type { Claims } from './claims.ts'

/** Where a peer was when it left the view. */
export interface Dormant {
  /** Monotonic ms. */
  readonly since: number
  readonly addresses: readonly string[]
}

/** As one claim that just ran out, of a source named `dormant`. */
export function dormantClaims ({ since, addresses }: Dormant): Claims {
  const items = addresses.map(name => ({ kind: 'address' as const, name, value: '', observedAt: since, expiresAt: since }))
  return { sources: [{ source: { path: 'dormant', type: 'dormant', group: 'dormant' }, items }] }
}
