/**
 * The nodes of a signed tree in DNS. Its root is signed, and everything below is named by its hash, so that nothing but
 * the key in the URL has to be trusted.
 *
 * @see https://eips.ethereum.org/EIPS/eip-1459
 */
import { clampTtl, limits, nextTurn, show, shuffle, type Claim, type Reporter } from '@peerweave/interface'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 as keccak256 } from '@noble/hashes/sha3.js'
import { isAskable, plainName } from '../names.ts'
import { readNodeRecord } from './enr.ts'
import { inParallel } from './in-parallel.ts'
import { reading, type Lookups, type ReadInit, type ReadOptions } from './lookups.ts'

/** `enrtree://<compressed public key in base32>@<domain>`. */
const LINK = /^enrtree:\/\/([A-Z2-7]{53})@([^@\s]{1,253})$/
const ROOT = /^(enrtree-root:v1 e=([A-Z2-7]{20,52}) l=([A-Z2-7]{20,52}) seq=(\d{1,15})) sig=([A-Za-z0-9_-]{87})$/
/** EIP-1459: a hash is cut to 16 bytes; go-ethereum takes 12 and more. */
const BRANCH = /^enrtree-branch:([A-Z2-7]{20,52}(?:,[A-Z2-7]{20,52})*)?$/
/** Children of one branch; EIP-1459 recommends 370 bytes, which is 13. */
const MAX_CHILDREN = 64
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

const encoder = new TextEncoder()
const latin1 = new TextDecoder('latin1')

export interface Tree {
  readonly publicKey: Uint8Array
  readonly domain: string
}

/** @throws TypeError when it is no URL of a tree */
export function parseEnrtree (url: string): Tree {
  const [, key = '', name = ''] = LINK.exec(url) ?? []
  const publicKey = fromBase32(key)
  const domain = plainName(name)
  if (!secp256k1.utils.isValidPublicKey(publicKey, true) || !isAskable(domain)) {
    throw new TypeError(`enrtrees: a tree is enrtree://<public key>@<domain> (EIP-1459), got ${show(url)}`)
  }
  return { publicKey, domain }
}

/** The highest sequence number seen of a tree, kept by whoever reads it again. */
export interface SeenTree {
  seq?: number
}

/**
 * Yields a claim for each node with a TCP address, in random order, as answers come. Links to other trees are followed.
 * Asks for at most `limits.dnsLookups` names, so of a large tree it yields a sample, another one each time.
 *
 * Counts, beside what {@link ReadInit} says: `bad-tree` (a root that is none, wrongly signed, or older than one seen),
 * `bad-entry` (it has not its hash, or is none), `no-address`.
 *
 * @throws DnsError or InvalidDnsRecordError when nothing was found because a look-up failed
 */
export function readEnrtree (
  init: ReadInit, tree: Tree, seen: SeenTree = {}, { reporter, signal }: ReadOptions = {}
): AsyncGenerator<Claim> {
  const by = reporter ?? { domain: tree.domain }
  return reading(init, signal, lookups => new EnrtreeReader(init, by, lookups).read(tree, seen))
}

interface Entry {
  readonly tree: Tree
  /** Absent: the root of the tree. */
  readonly hash?: string
  /** Of what led here, monotonic ms. */
  readonly expiresAt: number
}

class EnrtreeReader {
  readonly #init: ReadInit
  readonly #reporter: Reporter
  readonly #lookups: Lookups
  #entries: Entry[] = []
  /** Names asked for: the same one twice brings nothing. BOUNDED by the look-ups, times the children of each. */
  readonly #known = new Set<string>()

  constructor (init: ReadInit, reporter: Reporter, lookups: Lookups) {
    this.#init = init
    this.#reporter = reporter
    this.#lookups = lookups
  }

  async * read (tree: Tree, seen: SeenTree): AsyncGenerator<Claim> {
    const entries = this.#entries
    this.#add([{ tree, expiresAt: Infinity }])
    for await (const claims of inParallel(entries, limits.dnsLookupsAtOnce, async entry => {
      return await this.#follow(entry, entry.tree === tree ? seen : {})
    })) yield * claims
  }

  async #follow ({ tree, hash, expiresAt: before }: Entry, seen: SeenTree): Promise<Claim[]> {
    const found = await this.#lookups.resolve(hash == null ? tree.domain : `${hash}.${tree.domain}`, 'TXT')
    if (found == null) return []
    const expiresAt = Math.min(before, found.expiresAt)
    // A text of more than 255 bytes goes on in the next string. Others may stand beside a root.
    const texts = found.records.slice(0, limits.dnsTexts).map(({ strings }) => latin1.decode(Buffer.concat(strings)))
    if (hash == null) {
      const root = readRoot(texts.find(text => ROOT.test(text)) ?? '', tree)
      if (root == null || root.seq < (seen.seq ?? 0)) {
        this.#init.drop('bad-tree')
        return []
      }
      seen.seq = root.seq
      this.#add([{ tree, hash: root.nodes, expiresAt }, { tree, hash: root.links, expiresAt }])
      return []
    }
    await nextTurn() // all that is remembered comes at once, and to verify a signature takes a millisecond
    const start = fromBase32(hash)
    const text = texts.find(text => keccak256(encoder.encode(text)).subarray(0, start.length).every((byte, i) => byte === start[i]))
    return text == null ? this.#refuse() : this.#take(text, tree, expiresAt)
  }

  #take (text: string, tree: Tree, expiresAt: number): Claim[] {
    const branch = BRANCH.exec(text)
    if (branch != null) {
      const children = (branch[1] ?? '').split(',').filter(hash => hash !== '').slice(0, MAX_CHILDREN)
      this.#add(children.map(hash => ({ tree, hash, expiresAt })))
      return []
    }
    try {
      if (text.startsWith('enrtree:')) {
        this.#add([{ tree: parseEnrtree(text), expiresAt }])
        return []
      }
      const { peerId, multiaddrs } = readNodeRecord(text)
      const ttl = clampTtl(expiresAt - this.#init.clock.now())
      if (multiaddrs.length > 0) return [{ kind: 'claim', peerId, multiaddrs, ttl, reporter: this.#reporter }]
      this.#init.drop('no-address')
      return []
    } catch {
      return this.#refuse()
    }
  }

  #refuse (): Claim[] {
    this.#init.drop('bad-entry')
    return []
  }

  /** Among those that wait, in random order: whoever asks for a few nodes gets others than its neighbour (EIP-1459). */
  #add (entries: readonly Entry[]): void {
    for (const entry of entries) {
      const name = `${entry.hash ?? ''}.${entry.tree.domain}`
      if (!this.#known.has(name)) this.#entries.push(entry)
      this.#known.add(name)
    }
    this.#entries.splice(0, Infinity, ...shuffle(this.#init.rng, this.#entries))
  }
}

function readRoot (text: string, { publicKey }: Tree): { nodes: string, links: string, seq: number } | undefined {
  const [, signed, nodes, links, seq, signature] = ROOT.exec(text) ?? []
  if (signed == null || nodes == null || links == null || signature == null) return
  // 64 bytes, and one from which the key could be recovered: it is known.
  const bytes = new Uint8Array(Buffer.from(signature, 'base64url')).subarray(0, 64)
  const isSigned = secp256k1.verify(bytes, keccak256(encoder.encode(signed)), publicKey, { prehash: false })
  return isSigned ? { nodes, links, seq: Number(seq) } : undefined
}

/** RFC 4648 §6 without padding. */
function fromBase32 (text: string): Uint8Array {
  const bits = text.replace(/./g, char => ALPHABET.indexOf(char).toString(2).padStart(5, '0'))
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], byte => Number.parseInt(byte, 2))
}
