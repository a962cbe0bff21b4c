/**
 * Who has a place in the store: peers that we know by hearsay compete for those of `new`, by vouchers; those that a dial
 * of ours authenticated have theirs in `tried`, and compete for nothing while they do.
 */
import type { KeyedHash } from '@peerweave/interface'
import { isSameParty, NewTable, type Voucher } from './admission/new-table.ts'
import { placeOf } from './admission/place.ts'
import { TriedTable } from './admission/tried-table.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Whose standing changed: they entered or left `tried`. */
export type Moved = readonly string[]

export class Places {
  readonly new: NewTable
  readonly tried: TriedTable

  /** @param capacity - vouchers in `new` */
  constructor (hash: KeyedHash, capacity: number) {
    this.new = new NewTable({ hash, capacity })
    this.tried = new TriedTable({ hash })
  }

  /** These are a peer's vouchers now. */
  hold (id: string, vouchers: readonly Voucher[]): void {
    if (this.tried.has(id)) {
      this.new.removePeer(id)
      return
    }
    if (this.new.has(id)) {
      for (const held of [...this.new.vouchersOf(id)]) {
        if (!vouchers.some(voucher => isSameParty(voucher, held))) this.new.remove(held)
      }
    }
    for (const voucher of vouchers) this.new.add(voucher)
  }

  /** A voucher that must go, and went. */
  displace (): Voucher | undefined {
    const voucher = this.new.overflow()
    if (voucher != null) this.new.remove(voucher)
    return voucher
  }

  /** A dial of ours reached it there. */
  proven (id: string, address: Multiaddr, now: number): Moved {
    const place = placeOf(address)
    if (place == null) return []
    const result = this.tried.proven(id, place, now)
    return result.outcome === 'admitted' ? present(id, result.displaced) : []
  }

  /** A dial of ours did not reach it. */
  failed (id: string, now: number): Moved {
    const { displaced, admitted } = this.tried.failed(id, now)
    return present(displaced, admitted)
  }

  /** The user wants it gone. */
  remove (id: string): Moved {
    this.new.removePeer(id)
    const { displaced, admitted } = this.tried.remove(id)
    return present(displaced, admitted)
  }
}

function present (...ids: Array<string | undefined>): string[] {
  return ids.filter(id => id != null)
}
