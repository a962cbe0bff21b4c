/** What is shown of a peer beside live claims, to dial it all the same. */
import type { Claims, SourceItems } from './claims.ts'

/** Where a peer was when it left the view. */
export interface Dormant {
  /** Monotonic ms. */
  readonly since: number
  readonly addresses: readonly string[]
}

/** As one claim that just ran out, of a source named `dormant`. */
export function dormantClaims ({ since, addresses }: Dormant): Claims {
  return { sources: [claimsOf('dormant', addresses, since, false)] }
}

/**
 * With the address at which a dial of ours reached the peer, as a claim of our own: it comes before whatever is only
 * said, so nobody who talks of a peer that we know keeps us from it.
 */
export function withProven ({ sources }: Claims, address: string | undefined, at: number): Claims {
  return { sources: address == null ? sources : [...sources, claimsOf('tried', [address], at, true)] }
}

function claimsOf (path: string, addresses: readonly string[], at: number, isChosen: boolean): SourceItems {
  const items = addresses.map(name => ({ kind: 'address' as const, name, value: '', observedAt: at, expiresAt: at }))
  return { source: { path, type: path, group: path, isChosen }, items }
}
