/** Peer ids that are parsed when somebody needs more of them than their text: parsing costs more than all else of a snapshot. */
import { isPeerId, peerIdSymbol, type Ed25519PeerId, type PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isEd25519Id } from './ed25519-id.ts'

/** @throws TypeError for text that is no id */
export function lazyPeerId (id: string): PeerId {
  return isEd25519Id(id) ? new LazyPeerId(id) : peerIdFromString(id)
}

class LazyPeerId implements Ed25519PeerId {
  readonly type = 'Ed25519'
  readonly [peerIdSymbol] = true
  readonly #id: string
  #parsed: Ed25519PeerId | undefined

  constructor (id: string) {
    this.#id = id
  }

  get [Symbol.toStringTag] (): string {
    return `PeerId(${this.#id})`
  }

  get publicKey (): Ed25519PeerId['publicKey'] {
    return this.#real.publicKey
  }

  toString (): string {
    return this.#id
  }

  toJSON (): string {
    return this.#id
  }

  toMultihash (): ReturnType<Ed25519PeerId['toMultihash']> {
    return this.#real.toMultihash()
  }

  toCID (): ReturnType<Ed25519PeerId['toCID']> {
    return this.#real.toCID()
  }

  equals (other?: unknown): boolean {
    // One text for one id: base58 of a key has no second form.
    return isPeerId(other) ? other.toString() === this.#id : this.#real.equals(other)
  }

  [Symbol.for('nodejs.util.inspect.custom')] (): string {
    return `PeerId(${this.#id})`
  }

  get #real (): Ed25519PeerId {
    return this.#parsed ??= peerIdFromString(this.#id) as Ed25519PeerId
  }
}
