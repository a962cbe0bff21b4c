/** Which packets may concern us. */

/** Bytes of a DNS header. RFC 1035 §4.1.1. */
const HEADER_BYTES = 12
/** RFC 1035 §2.3.4. */
const MAX_LABEL_BYTES = 63
/** Comparisons for each byte of a packet, on average. Chosen: other services' packets, and random bytes, take less than two. */
const STEPS_PER_BYTE = 4

/** Labels by their bytes on the wire, length first: so none goes on where another ends, and what has nothing below it is one. */
interface Node extends Map<number, Node> {}

/**
 * A set of DNS labels to look for in packets, without regard to the case of ASCII letters (RFC 1035 §2.3.3). Name
 * compression (RFC 1035 §4.1.4) can replace the end of a name, but some name has to spell a label out.
 *
 * To look through a packet costs in proportion to its length, however many labels there are and whoever chose them. How
 * many there are is for the caller to bound.
 */
export class Interest {
  readonly #root: Node = new Map()

  constructor (labels: Iterable<string> = []) {
    for (const label of labels) this.add(label)
  }

  /** One that is empty or longer than 63 bytes can be in no packet. */
  add (label: string): void {
    const bytes = onWire(label)
    if (bytes.length > 1 + MAX_LABEL_BYTES) return
    let node = this.#root
    for (const byte of bytes) {
      let next = node.get(byte)
      if (next == null) node.set(byte, next = new Map())
      node = next
    }
  }

  delete (label: string): void {
    prune(this.#root, onWire(label), 0)
  }

  /**
   * Whether one of the labels is spelt out in the packet. One that is all near misses, made so that it takes long to tell,
   * is taken to concern us: then it counts for its source's rate, as it would not otherwise.
   */
  concerns (packet: Uint8Array): boolean {
    let steps = STEPS_PER_BYTE * packet.length
    for (let start = HEADER_BYTES; start < packet.length; start++) {
      let node = this.#root.get(packet[start] as number)
      for (let at = start + 1; node != null && at < packet.length; at++) {
        if (--steps < 0) return true
        node = node.get(lowerCase(packet[at] as number))
        if (node?.size === 0) return true
      }
    }
    return false
  }
}

function onWire (label: string): Uint8Array {
  const bytes = Buffer.from(label).map(lowerCase)
  return Uint8Array.of(bytes.length, ...bytes)
}

/** Takes away the rest of a label, from the `depth`th byte on, as far as no other shares it. */
function prune (node: Node, bytes: Uint8Array, depth: number): void {
  const byte = bytes[depth]
  const next = byte === undefined ? undefined : node.get(byte)
  if (byte === undefined || next == null) return
  prune(next, bytes, depth + 1)
  if (next.size === 0) node.delete(byte)
}

function lowerCase (byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}
