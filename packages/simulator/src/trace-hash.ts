/** One number for a whole run: SHA-256 over every event, a line each. Equal runs have equal hashes, at any moment. */
import { createHash } from 'node:crypto'

/** Characters gathered before they are hashed: one call for many short lines. */
const CHUNK = 16_384

export class TraceHash {
  readonly #hash = createHash('sha256')
  #lines = ''
  #events = 0

  /** Events so far. */
  get events (): number {
    return this.#events
  }

  add (line: string): void {
    this.#events++
    this.#lines += `${line}\n`
    if (this.#lines.length >= CHUNK) this.#flush()
  }

  /** Of all events so far, in hex; more may follow. */
  digest (): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  #flush (): void {
    this.#hash.update(this.#lines)
    this.#lines = ''
  }
}
