/** A map that forgets what was set longest ago: how what strangers make us remember is bounded. */

/** Sets it at the end, and drops from the beginning what is more than `most`. */
export function setLatest<Key, Value> (map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= most) return
    map.delete(oldest)
  }
}
