/**
 * Signed peer records: a peer's addresses under its own signature, as libp2p writes them. Sealed for ourselves, opened
 * for others, each verified once.
 *
 * @example
 * ```ts
 * import { openPeerRecord, recordCache, verifyRate } from '@peerweave/records'
 *
 * const cache = recordCache()
 * const rate = verifyRate()
 * const { record, refused } = await openPeerRecord(bytes, { cache, rate, reporter: sender.toString() })
 * if (record == null) return drop(refused)
 * ```
 *
 * @packageDocumentation
 */
export { nodeRecords, type NodeRecords } from './node-records.ts'
export { isFarewell, openPeerRecord, recordSigner, type OpenOptions } from './open.ts'
export type { OpenedRecord, RecordRefusal } from './opened-record.ts'
export { ownRecords, type OwnRecords, type OwnRecordsInit } from './own-records.ts'
export { ownSeq, type OwnSeq, type OwnSeqOptions } from './own-seq.ts'
export { recordCache, type RecordCache, type RecordCacheOptions } from './record-cache.ts'
export { keySigner, sealPeerRecord, type SealOptions } from './seal.ts'
export { systemCrypto } from './system-crypto.ts'
export { isVerifiedRecord } from './verified-record.ts'
export { verifyRate, type VerifyRate, type VerifyRateOptions } from './verify-rate.ts'
