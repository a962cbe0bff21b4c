/**
 * The sequence numbers of our own records. Others keep the greatest that they saw of us, so one that does not grow –
 * after a restart, a clock that was set back, a restored backup – would make us invisible.
 */
import { LimitExceededError, show, systemClock, type Clock, type VerifiedRecord } from '@peerweave/interface'
import { MAX_SEQ } from './constants.ts'
import type { PeerId } from '@libp2p/interface'

export interface OwnSeq {
  /** The greatest that we used or saw of ourselves. Persist it before a record with it leaves the machine. */
  readonly last: bigint
  /**
   * The seq of the next record: max(last + 1, wall-clock ms).
   *
   * @throws LimitExceededError when 2⁶⁴ − 1 is used: only a new identity helps
   */
  next: () => bigint
  /**
   * A record that came from outside. True when it is ours and newer than any we know of: seal a new one, or the network
   * keeps believing that one. A verified record, so that nobody but a holder of our key can drive the number up.
   */
  observe: (record: VerifiedRecord) => boolean
}

export interface OwnSeqOptions {
  self: PeerId
  /** {@link OwnSeq.last} of the run before. @default 0n */
  persisted?: bigint | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
}

/** @throws TypeError when `persisted` is not from 0 to 2⁶⁴ − 1 */
export function ownSeq ({ self, persisted = 0n, clock = systemClock() }: OwnSeqOptions): OwnSeq {
  if (typeof persisted !== 'bigint' || persisted < 0n || persisted > MAX_SEQ) {
    throw new TypeError(`persisted must be a bigint from 0 to 2^64 - 1, got ${show(persisted)}`)
  }
  let last = persisted
  return {
    get last () {
      return last
    },
    next () {
      if (last === MAX_SEQ) throw new LimitExceededError('the last sequence number of this identity is used')
      const wall = BigInt(Math.max(0, Math.floor(clock.wall())))
      last = wall > last ? wall : last + 1n
      return last
    },
    observe ({ peerId, seq }) {
      if (seq <= last || !peerId.equals(self)) return false
      last = seq
      return true
    }
  }
}
