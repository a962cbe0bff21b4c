/** Addresses as strangers write them. */
import { multiaddr, registry, type Component, type Multiaddr } from '@multiformats/multiaddr'
import { limits } from '@peerweave/interface'
import { concat, equal } from './bytes.ts'
import { isPlainAddress } from './plain-address.ts'
import { varint } from './protobuf.ts'

/** The address, or nothing when it is empty, too long, has too many parts, has one that we cannot read, or reads as another one. */
export function readAddress (bytes: Uint8Array): Multiaddr | undefined {
  if (bytes.length === 0 || bytes.length > limits.multiaddrBytes) return undefined
  try {
    const address = multiaddr(bytes)
    const components = address.getComponents()
    if (components.length <= limits.multiaddrComponents && isPlainAddress(bytes)) return address
    if (components.length > limits.multiaddrComponents || !components.every(isWhole)) return undefined
    // A DNS name with a slash in it would be another address as soon as somebody writes it down.
    return equal(multiaddr(address.toString()).bytes, bytes) ? address : undefined
  } catch {
    return undefined // a protocol or a value that we do not know
  }
}

/** False for what the parser takes although it was cut short, or has a longer varint than needed. */
function isWhole ({ code, bytes = new Uint8Array() }: Component): boolean {
  const { size = 0 } = registry.getProtocol(code)
  const name = varint(BigInt(code))
  // A value of variable size stands behind its length: one byte up to 127, and two as far as an address goes.
  const rest = bytes.length - name.length
  const head = size < 0 ? concat(name, varint(BigInt(rest <= 0x80 ? rest - 1 : rest - 2))) : name
  return (size < 0 || rest === size / 8) && equal(bytes.subarray(0, head.length), head)
}
