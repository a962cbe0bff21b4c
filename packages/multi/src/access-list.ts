/** Whom the user wants to know nothing of, or of whom alone. */
import { isPeerId, type PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { show } from '@peerweave/interface'

export type PeerIds = Iterable<PeerId | string>

export class AccessList {
  readonly #denied: Set<string>
  /** `undefined`: everybody who is not denied. */
  readonly #allowed: Set<string> | undefined

  /** @throws TypeError naming what is no peer id */
  constructor ({ deny = [], allow }: { deny?: PeerIds | undefined, allow?: PeerIds | undefined }) {
    this.#denied = new Set(read('deny', deny))
    this.#allowed = allow == null ? undefined : new Set(read('allow', allow))
  }

  /** One that changes by itself. */
  copy (): AccessList {
    return new AccessList({ deny: this.#denied, allow: this.#allowed })
  }

  /** By name, whoever else may be on no list. */
  isDenied (id: PeerId): boolean {
    return this.#denied.has(id.toString())
  }

  isWelcome (id: PeerId): boolean {
    const text = id.toString()
    return !this.#denied.has(text) && this.#allowed?.has(text) !== false
  }

  deny (id: PeerId): void {
    this.#denied.add(id.toString())
    this.#allowed?.delete(id.toString())
  }

  allow (id: PeerId): void {
    this.#denied.delete(id.toString())
    this.#allowed?.add(id.toString())
  }
}

function read (option: string, ids: unknown): string[] {
  if (typeof ids === 'string' || typeof ids !== 'object' || ids == null || !(Symbol.iterator in ids)) {
    throw new TypeError(`${option} must be a list of peer ids, got ${show(ids)}`)
  }
  return [...ids as Iterable<unknown>].map(id => {
    if (isPeerId(id)) return id.toString()
    try {
      return peerIdFromString(id as string).toString()
    } catch {
      throw new TypeError(`${option} must be a list of peer ids, got ${show(id)} in it`)
    }
  })
}
