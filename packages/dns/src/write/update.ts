/** Messages that change a zone. RFC 2136. */
import { CLASS_NUMBERS, TYPE_NUMBERS, encodeData, encodeName, encodeRecord, uint16, type OutRecord, type OutType } from './wire.ts'

/** What must hold, or nothing is changed. RFC 2136 §2.4. */
export interface Prerequisite {
  readonly kind: 'name-not-in-use'
  readonly name: string
}

/** All or none of them happen. RFC 2136 §2.5. */
export type Change =
  | { readonly kind: 'add', readonly record: OutRecord }
  | { readonly kind: 'delete-record', readonly record: OutRecord }
  | { readonly kind: 'delete-set', readonly name: string, readonly type: OutType }

export interface Update {
  /** 16 random bits. */
  readonly id: number
  readonly zone: string
  readonly prerequisites?: readonly Prerequisite[]
  readonly changes: readonly Change[]
}

/** Opcode UPDATE in the second 16 bits of the header. RFC 2136 §1.3. */
const OPCODE_UPDATE = 5 << 11
const NOTHING = new Uint8Array()

export function encodeUpdate ({ id, zone, prerequisites = [], changes }: Update): Uint8Array {
  return Buffer.concat([
    ...[id, OPCODE_UPDATE, 1, prerequisites.length, changes.length, 0].map(uint16),
    encodeName(zone), uint16(TYPE_NUMBERS.SOA), uint16(CLASS_NUMBERS.IN),
    ...prerequisites.map(encodePrerequisite),
    ...changes.map(encodeChange)
  ])
}

/** RFC 2136 §2.4.5. */
function encodePrerequisite ({ name }: Prerequisite): Uint8Array {
  return encodeRecord(name, TYPE_NUMBERS.ANY, CLASS_NUMBERS.NONE, 0, NOTHING)
}

function encodeChange (change: Change): Uint8Array {
  switch (change.kind) {
    case 'add': {
      const { name, type, ttl } = change.record
      return encodeRecord(name, TYPE_NUMBERS[type], CLASS_NUMBERS.IN, ttl, encodeData(change.record))
    }
    case 'delete-record': {
      const { name, type } = change.record
      return encodeRecord(name, TYPE_NUMBERS[type], CLASS_NUMBERS.NONE, 0, encodeData(change.record))
    }
    case 'delete-set':
      return encodeRecord(change.name, TYPE_NUMBERS[change.type], CLASS_NUMBERS.ANY, 0, NOTHING)
  }
}
