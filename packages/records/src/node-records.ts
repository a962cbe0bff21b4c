/** What all that deal in signed records on one node share: each record is verified once, and one sequence is ours. */
import { systemClock, type Clock, type Ports } from '@peerweave/interface'
import { ownRecords, type OwnRecords } from './own-records.ts'
import { ownSeq } from './own-seq.ts'
import { recordCache, type RecordCache } from './record-cache.ts'
import { verifyRate, type VerifyRate } from './verify-rate.ts'

export interface NodeRecords {
  readonly cache: RecordCache
  readonly rate: VerifyRate
  readonly own: OwnRecords
}

const nodes = new WeakMap<object, NodeRecords>()

/**
 * Those of the node that has these ports, the same for every caller. The options of the first caller stand.
 *
 * @param clock - `systemClock()` by default
 */
export function nodeRecords ({ host, crypto }: Pick<Ports, 'host' | 'crypto'>, { clock = systemClock() }: { clock?: Clock | undefined } = {}): NodeRecords {
  let records = nodes.get(host)
  if (records == null) {
    records = {
      cache: recordCache({ crypto }),
      rate: verifyRate({ clock }),
      own: ownRecords({ host, seq: ownSeq({ self: host.self, clock }) })
    }
    nodes.set(host, records)
  }
  return records
}
