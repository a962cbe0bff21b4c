/** Nodes and trees as EIP-778 and EIP-1459 have them, signed. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 as keccak256 } from '@noble/hashes/sha3.js'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { txt } from '../zone.ts'
import type { DnsRecord } from '../../src/records.ts'

const encoder = new TextEncoder()

/** A node or a tree of our own. */
export class Signer {
  readonly secretKey = secp256k1.utils.randomSecretKey()
  readonly publicKey = secp256k1.getPublicKey(this.secretKey)
  readonly id = String(peerIdFromPublicKey(publicKeyFromRaw(this.publicKey)))

  sign (bytes: Uint8Array): Uint8Array {
    return secp256k1.sign(keccak256(bytes), this.secretKey, { prehash: false })
  }

  record (...fields: Array<[string, Uint8Array]>): string {
    const all: Array<[string, Uint8Array]> = [['id', encoder.encode('v4')], ['secp256k1', this.publicKey], ...fields]
    const sorted = all.toSorted(([one], [other]) => one < other ? -1 : Number(one > other))
    return this.recordOf(rlpItems([Uint8Array.of(7), ...sorted.flatMap(([key, value]) => [encoder.encode(key), value])]))
  }

  /** @param content - what follows the signature */
  recordOf (content: number[]): string {
    const signature = rlpItems([this.sign(Uint8Array.of(...rlpHeader(0xc0, content.length), ...content))])
    const bytes = Uint8Array.of(...rlpHeader(0xc0, signature.length + content.length), ...signature, ...content)
    return `enr:${Buffer.from(bytes).toString('base64url')}`
  }

  url (domain: string): string {
    return `enrtree://${base32(this.publicKey)}@${domain}`
  }

  /** Names and texts of a tree whose branches have `width` children. */
  tree (domain: string, texts: string[], { seq = 1, links = [] as string[], width = 13 } = {}): DnsRecord[] {
    const records: DnsRecord[] = []
    const add = (text: string): string => {
      const hash = base32(keccak256(encoder.encode(text)).subarray(0, 16))
      records.push(long(`${hash}.${domain}`.toLowerCase(), text))
      return hash
    }
    const top = (texts: string[]): string => {
      let hashes = texts.map(add)
      while (hashes.length > width) {
        const next: string[] = []
        for (let i = 0; i < hashes.length; i += width) next.push(add(`enrtree-branch:${hashes.slice(i, i + width).join()}`))
        hashes = next
      }
      return add(`enrtree-branch:${hashes.join()}`)
    }
    const root = `enrtree-root:v1 e=${top(texts)} l=${top(links)} seq=${seq}`
    const signature = Buffer.from([...this.sign(encoder.encode(root)), 0]).toString('base64url')
    return [...records, txt(domain, `${root} sig=${signature}`), txt(domain, 'v=spf1 -all')]
  }
}

export function rlpItems (items: Uint8Array[]): number[] {
  return items.flatMap(item => item.length === 1 && item[0]! < 0x80 ? [...item] : [...rlpHeader(0x80, item.length), ...item])
}

export function rlpHeader (base: number, length: number): number[] {
  if (length < 56) return [base + length]
  return length < 256 ? [base + 56, length] : [base + 57, length >> 8, length & 255]
}

export function base32 (bytes: Uint8Array): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return bits.match(/.{1,5}/g)!.map(five => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')
}

/** A text as a TXT record holds it. */
export const long = (name: string, text: string): DnsRecord => txt(name, ...text.match(/.{1,255}/g)!)
