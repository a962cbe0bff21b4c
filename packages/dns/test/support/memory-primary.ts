/** A primary in memory, which does what updates say (RFC 2136 §3), and answers questions as a client would get them. */
import { TimeoutError, type Clock } from '@peerweave/interface'
import type { DnsClientFactory } from '../../src/options.ts'
import type { DnsRecord } from '../../src/records.ts'

interface Entry {
  name: string
  type: number
  data: string
}

export interface MemoryPrimary {
  client: DnsClientFactory
  /** `name type data`: of an SRV record the port and target, of an address the address. */
  zone: () => string[]
  put: (name: string, type: 'A' | 'TXT' | 'SRV', data: string) => void
  /** Updates that came. */
  updates: number
  /** Questions and updates under way. */
  open: number
  /** Nothing is answered; an update is made all the same when its answer is what gets lost. */
  silent: false | 'no-update' | 'lost-answer'
}

const NUMBERS = { A: 1, TXT: 16, SRV: 33 } as const
/** An addition; any record of the set, where another class means one. RFC 2136 §2.5 */
const [CLASS_IN, CLASS_ANY] = [1, 255]
/** How long an exchange takes, and when one without an answer is given up, ms. */
const DELAY = 20
const TIMEOUT = 5_000

export function memoryPrimary (clock: Clock): MemoryPrimary {
  let entries: Entry[] = []
  const update = (message: Uint8Array): number => {
    const { prerequisites, changes } = readUpdate(Buffer.from(message))
    const isMet = prerequisites.every(({ name, type, klass }) => {
      const isThere = entries.some(entry => entry.name === name && (type === 255 || entry.type === type))
      return klass === CLASS_ANY ? isThere : !isThere
    })
    if (!isMet) return 6
    for (const { name, type, klass, data } of changes) {
      const isSame = (entry: Entry): boolean => entry.name === name && entry.type === type && (klass === CLASS_ANY || entry.data === data)
      entries = entries.filter(entry => !isSame(entry))
      if (klass === CLASS_IN) entries.push({ name, type, data })
    }
    return 0
  }
  const primary: MemoryPrimary = {
    updates: 0,
    open: 0,
    silent: false,
    zone: () => entries.filter(({ type }) => type !== 16).map(({ name, type, data }) => `${name} ${Object.entries(NUMBERS).find(([, number]) => number === type)?.[0] ?? type} ${data}`).sort(),
    put: (name, type, data) => { entries.push({ name, type: NUMBERS[type], data }) },
    client: () => {
      const during = async <T> (signal: AbortSignal | undefined, work: () => T): Promise<T> => {
        primary.open++
        try {
          await clock.sleep(DELAY, { signal })
          if (primary.silent === 'lost-answer') work()
          if (primary.silent !== false) {
            await clock.sleep(TIMEOUT - DELAY, { signal })
            throw new TimeoutError(`no answer in ${TIMEOUT} ms`)
          }
          return work()
        } finally {
          primary.open--
        }
      }
      const closing = new AbortController()
      const until = (signal: AbortSignal | undefined): AbortSignal => signal == null ? closing.signal : AbortSignal.any([signal, closing.signal])
      return {
        query: async (name, type, { signal } = {}) => during(until(signal), () => {
          const answers = entries.filter(entry => entry.name === name && entry.type === NUMBERS[type as 'SRV']).map(({ data }): DnsRecord => {
            const [port, target = ''] = data.split(' ')
            if (type === 'SRV') return { name, ttl: 60, type, priority: 0, weight: 0, port: Number(port), target }
            return { name, ttl: 60, type: 'TXT', strings: data.split('|').map(text => Buffer.from(text)) }
          })
          return { code: 'NOERROR', answers, authorities: [], additionals: [], server: 'memory' }
        }),
        exchange: async (message, _server, { signal }) => during(until(signal), () => {
          if (message.length > 65_535) throw new TypeError('a message has 12 to 65535 bytes')
          primary.updates++
          const answer = Buffer.from(message.subarray(0, 12)).fill(0, 4)
          answer[2] = 0xa8
          answer[3] = update(message)
          return answer
        }),
        async close () { closing.abort() }
      }
    }
  }
  return primary
}

interface Read {
  name: string
  type: number
  klass: number
  data: string
}

/** Names in updates are not compressed. RFC 2136 §3 */
function readUpdate (message: Buffer): { prerequisites: Read[], changes: Read[] } {
  let at = 12
  const readName = (): string => {
    const labels: string[] = []
    for (let length = message.readUInt8(at++); length > 0; length = message.readUInt8(at++)) {
      labels.push(message.toString('latin1', at, at += length))
    }
    return labels.join('.')
  }
  const readRecord = (): Read => {
    const name = readName()
    const [type, klass, end] = [message.readUInt16BE(at), message.readUInt16BE(at + 2), at + 10 + message.readUInt16BE(at + 8)]
    at += 10
    const start = at
    let data = ''
    if (start < end && type === NUMBERS.SRV) {
      at += 6
      data = `${message.readUInt16BE(start + 4)} ${readName()}`
    } else if (type === NUMBERS.A) {
      data = message.subarray(start, end).join('.')
    } else {
      const strings: string[] = []
      while (at < end) strings.push(message.toString('latin1', at + 1, at += 1 + message.readUInt8(at)))
      data = strings.join('|')
    }
    at = end
    return { name, type, klass, data }
  }
  readName()
  at += 4
  const read = (offset: number): Read[] => Array.from({ length: message.readUInt16BE(offset) }, readRecord)
  return { prerequisites: read(6), changes: read(8) }
}
