/** The peers in the view by distance. Hashing waits for somebody who asks: most nodes never do. */
import { peerIdFromString } from '@libp2p/peer-id'
import { nextTurn } from '@peerweave/interface'
import { HASHES_PER_TURN } from './constants.ts'
import { sha256 } from './sha256.ts'
import { XorIndex } from './xor-index.ts'
import type { Entry } from './entry.ts'

export class Nearest {
  readonly #index = new XorIndex()
  readonly #bySlot: Array<Entry | undefined> = []
  /** Not in the index yet. None as long as nobody asked: then all of them. */
  #newcomers: Set<Entry> | undefined

  add (entry: Entry): void {
    this.#newcomers?.add(entry)
  }

  remove (entry: Entry): void {
    this.#newcomers?.delete(entry)
    if (entry.slot == null) return
    this.#index.remove(entry.slot)
    this.#bySlot[entry.slot] = undefined
    entry.slot = undefined
  }

  /**
   * Exactly the nearest `count` to SHA-256 of `key`, nearest first.
   *
   * @param all - everybody who is in the view now; read when somebody asks first
   * @param isWanted - who is passed over is not counted
   */
  async closest (key: Uint8Array, count: number, all: Iterable<Entry>, isWanted: (entry: Entry) => boolean): Promise<Entry[]> {
    this.#newcomers ??= new Set(all)
    await this.#indexNewcomers(this.#newcomers)
    return this.#index.closest(sha256(key), count, slot => isWanted(this.#bySlot[slot] as Entry)).map(slot => this.#bySlot[slot] as Entry)
  }

  async #indexNewcomers (newcomers: Set<Entry>): Promise<void> {
    let hashed = 0
    for (const entry of newcomers) {
      if (++hashed % HASHES_PER_TURN === 0) {
        await nextTurn()
        if (!newcomers.has(entry)) continue // gone, or another question was faster
      }
      newcomers.delete(entry)
      entry.slot = this.#index.insert(sha256(peerIdFromString(entry.id).toMultihash().bytes))
      this.#bySlot[entry.slot] = entry
    }
  }
}
