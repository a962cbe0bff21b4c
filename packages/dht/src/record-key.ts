/** Keys of values, as kad-dht spells them. */
import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'

/** Where the value of `key` is in the datastore. */
export function recordKey (prefix: string, key: Uint8Array): Key {
  return new Key(`${prefix}/record/${base32.baseEncode(key)}`, false)
}

/** `ns` of `/ns/…`: which validator and selector are the key's. */
export function namespaceOf (key: Uint8Array): string {
  return new TextDecoder().decode(key).split('/')[1] ?? ''
}
