/**
 * A map by peer id in parts: a large map that shrinks copies all that is left of it in one go, which for a hundred thousand
 * takes milliseconds.
 */
const SHARDS = 64

export class ShardedMap<Value> {
  readonly #shards: ReadonlyArray<Map<string, Value>> = Array.from({ length: SHARDS }, () => new Map())
  #size = 0

  get size (): number {
    return this.#size
  }

  get (id: string): Value | undefined {
    return this.#shard(id).get(id)
  }

  has (id: string): boolean {
    return this.#shard(id).has(id)
  }

  set (id: string, value: Value): void {
    const shard = this.#shard(id)
    const before = shard.size
    shard.set(id, value)
    this.#size += shard.size - before
  }

  delete (id: string): boolean {
    const isGone = this.#shard(id).delete(id)
    if (isGone) this.#size--
    return isGone
  }

  * keys (): Generator<string> {
    for (const shard of this.#shards) yield * shard.keys()
  }

  * values (): Generator<Value> {
    for (const shard of this.#shards) yield * shard.values()
  }

  /** The last characters of an id are as good as random. */
  #shard (id: string): Map<string, Value> {
    const last = id.length - 1
    return this.#shards[(id.charCodeAt(last) + 7 * id.charCodeAt(last - 1)) % SHARDS] as Map<string, Value>
  }
}
