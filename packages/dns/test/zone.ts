/** A name server in memory: a zone in text, answered as a recursive server would. */
import { limits } from '@peerweave/interface'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { PeerId } from '@libp2p/interface'
import type { DnsAnswer, DnsRecord, Query, RecordType } from '../src/records.ts'

export interface Zone {
  query: Query
  /** What was asked, `name TYPE`, in order. */
  asked: string[]
  records: DnsRecord[]
}

export interface ZoneOptions {
  /** Addresses of SRV targets come along. */
  hasAdditionals?: boolean
  /** A negative answer has the SOA of this zone. */
  soa?: { name: string, ttl: number, minimum: number }
}

/** One record a line: `name ttl IN TYPE data`, strings of a TXT in quotes; `;` begins a comment. */
export function zone (text: string, options: ZoneOptions = {}): Zone {
  return serve(text.split('\n').map(line => line.replace(/\s*(?:^|\s);.*/, '').trim()).filter(line => line !== '').map(record), options)
}

export function serve (records: DnsRecord[], { hasAdditionals = false, soa }: ZoneOptions = {}): Zone {
  const asked: string[] = []
  return {
    asked,
    records,
    async query (name, type) {
      asked.push(`${name} ${type}`)
      const answers: DnsRecord[] = []
      let end = name
      for (let i = 0; i <= limits.dnsAliases + 4; i++) {
        const found = records.filter(record => record.name === end && record.type === type)
        answers.push(...found)
        const alias = records.find(record => record.name === end && record.type === 'CNAME')
        if (found.length > 0 || alias?.type !== 'CNAME') break
        answers.push(alias)
        end = alias.target
      }
      const hasName = records.some(record => record.name === end || record.name.endsWith(`.${end}`))
      const targets = answers.map(record => record.type === 'SRV' ? record.target : '')
      return answer({
        code: hasName ? 'NOERROR' : 'NXDOMAIN',
        answers,
        additionals: hasAdditionals ? records.filter(record => 'address' in record && targets.includes(record.name)) : [],
        authorities: soa == null || answers.at(-1)?.type === type ? [] : [{ ...soa, type: 'SOA' }]
      })
    }
  }
}

export function answer (parts: Partial<DnsAnswer>): DnsAnswer {
  return { code: 'NOERROR', answers: [], authorities: [], additionals: [], server: '127.0.0.1:53', ...parts }
}

export function txt (name: string, ...strings: string[]): DnsRecord {
  return { name, ttl: 300, type: 'TXT', strings: strings.map(string => Buffer.from(string)) }
}

export async function createPeerId (): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

function record (line: string): DnsRecord {
  const [name = '', ttl, , type, ...data] = line.split(/\s+/)
  const common = { name: bare(name), ttl: Number(ttl) }
  switch (type as RecordType) {
    case 'SRV': {
      const [priority, weight, port] = data.map(Number) as [number, number, number]
      return { ...common, type: 'SRV', priority, weight, port, target: bare(data[3]!) }
    }
    case 'CNAME': return { ...common, type: 'CNAME', target: bare(data[0]!) }
    case 'SOA': return { ...common, type: 'SOA', minimum: Number(data.at(-1)) }
    case 'TXT': return { ...common, type: 'TXT', strings: [...line.matchAll(/"([^"]*)"/g)].map(([, string]) => Buffer.from(string!)) }
    default: return { ...common, type: type as 'A' | 'AAAA', address: data[0]! }
  }
}

function bare (name: string): string {
  return name === '.' ? name : name.replace(/\.$/, '')
}
