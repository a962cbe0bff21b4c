/**
 * A cast of bad peer stores: a good one with one thing wrong each. The suite must reject each one for its own reason. The
 * good one is handed in: this package knows no store.
 */
import { badAtBounds } from './bad-stores/bounds.ts'
import { badAtExpiry, badAtGoodbyes, badAtMerging } from './bad-stores/claims.ts'
import { badAtContact } from './bad-stores/contact.ts'
import { badAtDurability } from './bad-stores/durability.ts'
import { badAtHolding } from './bad-stores/holding.ts'
import { badAtChanges, badAtReading } from './bad-stores/reading.ts'
import type { BadPeerStore } from './bad-stores/bad-peer-store.ts'

export type { BadPeerStore } from './bad-stores/bad-peer-store.ts'

export const badPeerStores: readonly BadPeerStore[] = [
  ...badAtMerging, ...badAtExpiry, ...badAtHolding, ...badAtGoodbyes, ...badAtBounds, ...badAtReading, ...badAtChanges, ...badAtContact,
  ...badAtDurability
]
