/** A board in memory on which peers post that they are there: the outside of the {@link reference} mechanism. */
import { limits } from '@peerweave/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Claim } from '@peerweave/interface'

/** Text, as it would come over a wire. */
export interface Notice {
  id: string
  addresses: string[]
  /** Milliseconds. */
  ttl: number
}

export interface NoticeBoard {
  /** Anyone may post anything under any key; readers check what they read. */
  post: (key: string, notice: unknown) => void
  remove: (key: string) => void
  has: (key: string) => boolean
  /** What hangs there now. Throws once after {@link NoticeBoard.tear}. */
  read: () => unknown[]
  /** Calls `onNotice` with every notice posted from now on, in a later turn; returns how to end that. */
  subscribe: (onNotice: (notice: unknown) => void) => () => void
  /** Makes the next read fail. */
  tear: () => void
  /** How many are subscribed. */
  readonly readers: number
}

/** Notices kept; at the bound a new one is not posted. */
const CAPACITY = 1_024

export function noticeBoard (): NoticeBoard {
  const notices = new Map<string, unknown>()
  const readers = new Set<(notice: unknown) => void>()
  let isTorn = false
  return {
    post (key, notice) {
      if (!notices.has(key) && notices.size === CAPACITY) return
      notices.set(key, notice)
      for (const onNotice of readers) queueMicrotask(() => { if (readers.has(onNotice)) onNotice(notice) })
    },
    remove: key => { notices.delete(key) },
    has: key => notices.has(key),
    read () {
      if (isTorn) {
        isTorn = false
        throw new Error('the board is torn')
      }
      return [...notices.values()]
    },
    subscribe (onNotice) {
      readers.add(onNotice)
      return () => { readers.delete(onNotice) }
    },
    tear: () => { isTorn = true },
    get readers () {
      return readers.size
    }
  }
}

/** A notice as a claim, or nothing when it is not one. */
export function parseNotice (notice: unknown): Claim | undefined {
  if (typeof notice !== 'object' || notice == null) return undefined
  const { id, addresses, ttl } = notice as Partial<Record<keyof Notice, unknown>>
  if (typeof id !== 'string' || typeof ttl !== 'number' || !(ttl > 0 && Number.isFinite(ttl))) return undefined
  if (!Array.isArray(addresses) || addresses.length > limits.addressesPerClaim) return undefined
  try {
    return { kind: 'claim', peerId: peerIdFromString(id), multiaddrs: addresses.map(address => multiaddr(address)), ttl }
  } catch {
    return undefined // neither parser says beforehand whether it will throw
  }
}
