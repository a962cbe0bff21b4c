import { limits } from '@peerweave/interface'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readNodeRecord } from '../../src/read/enr.ts'
import { parseEnrtree, readEnrtree, type SeenTree } from '../../src/read/enrtree.ts'
import { serve } from '../zone.ts'
import { long, rlpItems, Signer } from './signer.ts'
import { all, plain, reader, type Reader } from './support.ts'
import type { Claim } from '@peerweave/interface'
import type { DnsRecord } from '../../src/records.ts'

/** EIP-778, "Test Vectors". */
const RECORD = 'enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlw' +
  'hH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8'
const RECORD_KEY = '03ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138'

/** EIP-1459, the example zone; it is signed with the key of go-ethereum's tests. */
const TREE = 'enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@nodes.example.org'
const ROOT = 'enrtree-root:v1 e=JWXYDBPXYWG6FX3GMDIBFA6CJ4 l=C7HRFPF3BLGF3YR4DY5KX3SMBE seq=1 ' +
  'sig=o908WmNp7LibOfPsr4btQwatZJ5URBr2ZAuxvK4UWHlsB9sUOTJQaGAlLPVAhM__XJesCHxLISo94z5Z2a463gA'
const BRANCH = 'enrtree-branch:2XS2367YHAXJFGLZHVAWLQD4ZY,H4FHT4B454P6UXFD7JCYQ5PWDY,MHTDO6TMUBRIA2XWG5LUDACK24'
const LINK = 'enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@morenodes.example.org'
const EXAMPLE: Record<string, string> = {
  'nodes.example.org': ROOT,
  'c7hrfpf3blgf3yr4dy5kx3smbe.nodes.example.org': LINK,
  'jwxydbpxywg6fx3gmdibfa6cj4.nodes.example.org': BRANCH,
  '2xs2367yhaxjfglzhvawlqd4zy.nodes.example.org': 'enr:-HW4QOFzoVLaFJnNhbgMoDXPnOvcdVuj7pDpqRvh6BRDO68aVi5ZcjB3vzQRZH2IcLBGHzo8uUN3snqmg' +
    'TiE56CH3AMBgmlkgnY0iXNlY3AyNTZrMaECC2_24YYkYHEgdzxlSNKQEnHhuNAbNlMlWJxrJxbAFvA'
}

const encoder = new TextEncoder()

const at = (last: number, port: number): Array<[string, Uint8Array]> => {
  return [['ip', Uint8Array.of(192, 0, 2, last)], ['tcp', Uint8Array.of(port >> 8, port & 255)]]
}

async function read (url: string, records: DnsRecord[], seen?: SeenTree): Promise<Reader & { found: Claim[], asked: string[] }> {
  const { query, asked } = serve(records)
  const made = reader(query)
  return { ...made, asked, found: await all(readEnrtree(made.init, parseEnrtree(url), seen)) }
}

describe('a node record', () => {
  it('is read as EIP-778 has it', () => {
    const { peerId, multiaddrs } = readNodeRecord(RECORD)
    expect(String(peerId)).toBe(String(peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(RECORD_KEY, 'hex')))))
    expect(multiaddrs).toEqual([]) // it has UDP only
  })

  it('says where the node is', () => {
    const node = new Signer()
    const { peerId, multiaddrs } = readNodeRecord(node.record(
      ...at(1, 9_000), ['ip6', Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Uint8Array(11), 1)], ['eth', Uint8Array.of(0xc0)]
    ))
    expect(String(peerId)).toBe(node.id)
    expect(multiaddrs.map(String)).toEqual(['/ip4/192.0.2.1/tcp/9000', '/ip6/2001:db8::1/tcp/9000'])
    expect(readNodeRecord(node.record(...at(1, 80))).multiaddrs.map(String)).toEqual(['/ip4/192.0.2.1/tcp/80'])
  })

  it('is refused with any bit changed, or cut off anywhere', () => {
    const bytes = Buffer.from(RECORD.slice(4), 'base64url')
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i]! ^= 1 << i % 8
      expect(() => readNodeRecord(`enr:${changed.toString('base64url')}`)).toThrow(Error)
      expect(() => readNodeRecord(`enr:${bytes.subarray(0, i).toString('base64url')}`)).toThrow(Error)
    }
  })

  it('is refused when its items do not add up, whoever signed that', () => {
    const node = new Signer()
    const content = rlpItems([Uint8Array.of(7), encoder.encode('id'), encoder.encode('v4'), encoder.encode('secp256k1'), node.publicKey])
    expect(String(readNodeRecord(node.recordOf(content)).peerId)).toBe(node.id)
    for (const rest of [[0x83], [0x83, 1, 2], [0x81, 0x78, 0x82, 1], [0xb8], [0xbf, 255, 255, 255, 255, 255, 255, 255, 255]]) {
      expect(() => readNodeRecord(node.recordOf([...content, ...rest]))).toThrow('not an RLP list')
    }
  })

  it('is refused with another identity scheme or another form of key', () => {
    const node = new Signer()
    const uncompressed = secp256k1.Point.fromBytes(node.publicKey).toBytes(false)
    expect(() => readNodeRecord(node.record(['id', encoder.encode('v5')]))).toThrow(/v4/)
    expect(() => readNodeRecord(node.record(['secp256k1', uncompressed]))).toThrow(/v4/)
  })

  it('is refused beyond 300 bytes, and as whatever else it may be', () => {
    expect(() => readNodeRecord(new Signer().record(['x', new Uint8Array(200)]))).toThrow(/300/)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
      expect(() => readNodeRecord(`enr:${Buffer.from(bytes).toString('base64url')}`)).toThrow(Error)
    }))
  })
})

describe('a tree of nodes', () => {
  it('is read as EIP-1459 has it', async () => {
    const { found, asked, dropped } = await read(TREE, Object.entries(EXAMPLE).map(([name, text]) => long(name, text)))
    expect(found).toEqual([])
    expect(asked.toSorted()).toEqual([
      '2xs2367yhaxjfglzhvawlqd4zy', 'c7hrfpf3blgf3yr4dy5kx3smbe', 'h4fht4b454p6uxfd7jcyq5pwdy', 'jwxydbpxywg6fx3gmdibfa6cj4',
      'mhtdo6tmubria2xwg5ludack24'
    ].map(hash => `${hash}.nodes.example.org TXT`).concat('morenodes.example.org TXT', 'nodes.example.org TXT').toSorted())
    // The nodes of the example have no address; two are left out above, and so is the tree that is linked.
    expect(dropped).toEqual({ 'no-address': 1, 'bad-entry': 2, 'bad-tree': 1 })
  })

  it('yields all of a small one, in another order each time, and follows links', async () => {
    const [tree, other] = [new Signer(), new Signer()]
    const nodes = Array.from({ length: 40 }, () => new Signer())
    const records = nodes.map((node, i) => node.record(...at(i + 1, 30_303)))
    const zone = [
      ...tree.tree('a.test', records.slice(0, 30), { seq: 5, links: [other.url('b.test')] }),
      ...other.tree('b.test', records.slice(30), { seq: 2, links: [tree.url('a.test')] })
    ]
    const { found, dropped } = await read(tree.url('A.test'), zone)
    expect(plain(found)).toEqual(nodes.map(({ id }, i) => `${id} at /ip4/192.0.2.${i + 1}/tcp/30303`).sort())
    expect(found[0]).toMatchObject({ ttl: 300_000, reporter: { domain: 'a.test' } })
    expect(dropped).toEqual({})
    const { query } = serve(zone)
    const orders = await Promise.all([1, 2].map(async seed => {
      return (await all(readEnrtree(reader(query, seed).init, parseEnrtree(tree.url('a.test'))))).map(({ peerId }) => String(peerId)).join()
    }))
    expect(orders[0]).not.toBe(orders[1])
  })

  it('is believed no longer than its root', async () => {
    const tree = new Signer()
    const zone = tree.tree('a.test', [new Signer().record(...at(1, 80))])
    const shorter = zone.map(record => record.name === 'a.test' ? { ...record, ttl: 60 } : record)
    expect((await read(tree.url('a.test'), shorter)).found).toMatchObject([{ ttl: 60_000 }])
  })

  it('has 64 children a branch', async () => {
    const tree = new Signer()
    const node = new Signer()
    for (const width of [63, 64, 65]) {
      const records = Array.from({ length: width }, (_, i) => node.record(...at(i, 80)))
      expect((await read(tree.url('a.test'), tree.tree('a.test', records, { width }))).found).toHaveLength(Math.min(width, 64))
    }
  })

  it('yields some of a large one', async () => {
    const tree = new Signer()
    const node = new Signer()
    const records = Array.from({ length: 300 }, (_, i) => node.record(...at(i % 150, 1 + Math.floor(i / 150))))
    const { found, asked, dropped } = await read(tree.url('a.test'), tree.tree('a.test', records))
    expect(asked).toHaveLength(limits.dnsLookups)
    expect(found.length).toBeGreaterThan(50)
    expect(Object.keys(dropped)).toEqual(['too-many-lookups'])
  })

  it('is refused with a wrong signature, or when it is older than before', async () => {
    const tree = new Signer()
    const record = new Signer().record(...at(1, 80))
    const seen: SeenTree = {}
    expect((await read(tree.url('a.test'), tree.tree('a.test', [record], { seq: 5 }), seen)).found).toHaveLength(1)
    expect((await read(tree.url('a.test'), tree.tree('a.test', [record], { seq: 5 }), seen)).found).toHaveLength(1)
    const older = await read(tree.url('a.test'), tree.tree('a.test', [record], { seq: 4 }), seen)
    expect(older).toMatchObject({ found: [], dropped: { 'bad-tree': 1 } })
    expect(seen).toEqual({ seq: 5 })
    const forged = await read(tree.url('a.test'), new Signer().tree('a.test', [record], { seq: 6 }), seen)
    expect(forged).toMatchObject({ found: [], dropped: { 'bad-tree': 1 } })
    expect(seen).toEqual({ seq: 5 })
  })

  it('takes no entry that has not its hash', async () => {
    const tree = new Signer()
    const zone = tree.tree('a.test', [new Signer().record(...at(1, 80))])
    const forged = new Signer().record(...at(66, 80))
    const changed = zone.map(record => {
      const isLeaf = record.type === 'TXT' && Buffer.from(record.strings[0]!).toString().startsWith('enr:')
      return isLeaf ? { ...record, strings: [Buffer.from(forged)] } : record
    })
    expect(await read(tree.url('a.test'), changed)).toMatchObject({ found: [], dropped: { 'bad-entry': 1 } })
  })

  it.each([
    '', 'enrtree://x@a.test', TREE.replace('nodes', 'a b'), TREE.replace('nodes', ''), TREE.replace('@', ''),
    `enrtree://${'A'.repeat(53)}@a.test`
  ])('has no URL like %s', url => {
    expect(() => parseEnrtree(url)).toThrow(TypeError)
  })
})
