import { dropCounter, limits } from '@peerweave/interface'
import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { MAX_TTL, NEWS_INTERVAL } from '../src/constants.ts'
import { ServiceBrowser, type Heard, type ResolvedService } from '../src/service-browser.ts'
import { serviceName } from '../src/service-name.ts'
import { createPeerId } from './support.ts'
import type { Answer, Question } from 'dns-packet'
import type { DecodedPacket } from '../src/transport.ts'

const SERVICE = serviceName('service', '_x._tcp', 'local')
const { fqdn: TYPE } = SERVICE
const numRuns = process.env.PEERWEAVE_TIER === 'ci' ? 5_000 : 500

let ids: string[]

beforeAll(async () => { ids = [String(await createPeerId()), String(await createPeerId())] })

function create (): { browser: ServiceBrowser, dropped: Record<string, number> } {
  const { dropped, drop } = dropCounter()
  return { browser: new ServiceBrowser({ service: SERVICE, drop }), dropped }
}

/** What a test draws: few names, so that they meet. */
type Drawn = { ttl: number } & (
  | { type: 'PTR', name: string }
  | { type: 'SRV', name: string, port: number, host: string }
  | { type: 'TXT', name: string, peer: number, address: boolean }
  | { type: 'A' | 'AAAA', host: string, address: number, flush: boolean }
)

const name = fc.constantFrom('a', 'a', 'b')
const host = fc.constantFrom('h', 'h', 'h', 'i')
const ttl = fc.constantFrom(0, 2, 10, 120, 120, 120, 4_500, 4_500, 4_500)
const drawn: fc.Arbitrary<Drawn> = fc.oneof(
  fc.record({ type: fc.constant('PTR' as const), ttl, name }),
  fc.record({ type: fc.constant('SRV' as const), ttl, name, port: fc.constantFrom(0, 1, 1, 1, 2), host }),
  fc.record({ type: fc.constant('TXT' as const), ttl, name, peer: fc.integer({ min: 0, max: 2 }), address: fc.boolean() }),
  fc.record({ type: fc.constantFrom('A' as const, 'AAAA' as const), ttl, host, address: fc.nat(3), flush: fc.boolean() })
)

function textOf ({ peer, address }: Drawn & { type: 'TXT' }): string[] {
  const id = ids[peer]
  return [id == null ? 'v=1' : `peer_id=${id}`, ...address ? [`addr=/ip4/10.9.9.9/tcp/${peer + 1}`] : []]
}

type DrawnAddress = Drawn & { type: 'A' | 'AAAA' }

function ipOf ({ type, address }: DrawnAddress): string {
  return type === 'A' ? `10.0.0.${address}` : `fd00::${address + 1}`
}

function placeOf (record: DrawnAddress, port: number): string {
  return `/${record.type === 'A' ? 'ip4' : 'ip6'}/${ipOf(record)}/tcp/${port}`
}

function answer (record: Drawn): Answer {
  const { type, ttl } = record
  switch (type) {
    case 'PTR': return { name: TYPE, type, ttl, data: `${record.name}.${TYPE}` }
    case 'SRV': return { name: `${record.name}.${TYPE}`, type, ttl, data: { port: record.port, target: `${record.host}.local` } }
    case 'TXT': return { name: `${record.name}.${TYPE}`, type, ttl, data: textOf(record) }
    default: return { name: `${record.host}.local`, type, ttl, flush: record.flush, data: ipOf(record) }
  }
}

function packet (...answers: Answer[]): DecodedPacket {
  return decode(encode({ type: 'response', answers })) as DecodedPacket
}

const plain = ({ instance, peerId, multiaddrs, ttl }: ResolvedService): unknown =>
  ({ instance, peerId: peerId?.toString(), multiaddrs: multiaddrs.map(String).sort(), ttl })
const plainHeard = ({ present, departed, questions }: Heard): unknown =>
  ({ present: present.map(plain), departed: departed.map(({ instance, multiaddrs }) => [instance, multiaddrs?.map(String)]), questions })

/** One at a time for each name and type, as an honest responder has them: what a packet says twice, the last word counts. */
function withoutRivals (records: Drawn[]): Drawn[] {
  const byRole = new Map<string, Drawn>()
  for (const record of records) {
    const who = 'name' in record ? record.name : `${record.host} ${record.address}`
    byRole.set(`${record.type} ${who}`, record)
  }
  return [...byRole.values()]
}

type Step = { wait: number, source: string, records: Drawn[] }
const step: fc.Arbitrary<Step> = fc.record({
  wait: fc.constantFrom(0, 1, 500, 1_001, 3_000, 60_000),
  source: fc.constantFrom('one', 'two'),
  records: fc.array(drawn, { minLength: 1, maxLength: 10, size: 'max' }).map(withoutRivals)
})

/** A plain list of records with the moments at which they lapse. */
class Model {
  kept: Array<{ source: string, record: Drawn, at: number, until: number }> = []

  #find <T extends Drawn['type']> (
    source: string, type: T, of: (record: Drawn & { type: T }) => boolean = () => true
  ): Array<Drawn & { type: T }> {
    return this.kept.filter(kept => kept.source === source && kept.record.type === type)
      .map(({ record }) => record as Drawn & { type: T }).filter(of)
  }

  #drop (source: string, isMeant: (record: Drawn, at: number) => boolean): void {
    this.kept = this.kept.filter(kept => kept.source !== source || !isMeant(kept.record, kept.at))
  }

  /** What nothing points to any more goes. */
  #prune (source: string): void {
    const names = new Set([...this.#find(source, 'PTR'), ...this.#find(source, 'SRV')].map(({ name }) => name))
    this.#drop(source, record => record.type === 'TXT' && !names.has(record.name))
    const hosts = new Set(this.#find(source, 'SRV').map(({ host }) => host))
    this.#drop(source, record => 'address' in record && 'host' in record && !hosts.has(record.host))
  }

  hear ({ source, records }: Step, now: number): void {
    this.kept = this.kept.filter(({ until }) => until > now)
    for (const source of ['one', 'two']) this.#prune(source)
    const order = ['PTR', 'SRV', 'TXT', 'A', 'AAAA']
    const sorted = records.toSorted((one, other) => order.indexOf(one.type) - order.indexOf(other.type))
    for (const record of sorted.filter(({ ttl }) => ttl > 0)) this.#take(source, record, now)
    for (const record of sorted.filter(({ ttl }) => ttl === 0)) this.#takeBack(source, record)
    this.#prune(source)
  }

  #take (source: string, record: Drawn, now: number): void {
    if (record.type === 'SRV' || record.type === 'TXT') {
      const { name } = record
      if (!this.kept.some(kept => kept.source === source && 'name' in kept.record && kept.record.name === name)) return
      this.#drop(source, other => other.type === record.type && other.name === name)
    } else if (record.type === 'PTR') {
      this.#drop(source, other => other.type === 'PTR' && other.name === record.name)
    } else {
      const { host } = record
      if (this.#find(source, 'SRV', srv => srv.host === host).length === 0) return
      this.#drop(source, (other, at) => other.type === record.type && other.host === host &&
        (other.address === record.address || (record.flush && now - at > 1_000)))
    }
    this.kept.push({ source, record, at: now, until: now + Math.min(record.ttl * 1_000, MAX_TTL) })
  }

  #takeBack (source: string, record: Drawn): void {
    switch (record.type) {
      case 'PTR':
        this.#drop(source, other => 'name' in other && other.name === record.name)
        break
      case 'SRV':
        this.#drop(source, other => other.type === 'SRV' && other.name === record.name &&
          other.port === record.port && other.host === record.host)
        break
      case 'TXT':
        this.#drop(source, other => other.type === 'TXT' && other.name === record.name && String(textOf(other)) === String(textOf(record)))
        break
      default:
        this.#drop(source, other => other.type === record.type && other.host === record.host && other.address === record.address)
    }
  }

  /** Where an instance is offered, and what its text says of it. */
  resolve (source: string, instance: string): { multiaddrs: string[], hasText: boolean, peerId: string | undefined, until: number } {
    const isOf = ({ name }: { name: string }): boolean => `${name}.${TYPE}` === instance
    const [srv] = this.#find(source, 'SRV', isOf)
    const [txt] = this.#find(source, 'TXT', isOf)
    const hosts = this.kept.flatMap(({ source: from, record, until }) =>
      from === source && (record.type === 'A' || record.type === 'AAAA') && record.host === srv?.host ? { record, until } : [])
    const result = { hasText: txt != null, peerId: ids[txt?.peer ?? -1] }
    if (srv == null || srv.port === 0) return { ...result, multiaddrs: [], until: 0 }
    const used = this.kept.filter(kept => kept.source === source && 'name' in kept.record && isOf(kept.record))
    const until = (records: Array<{ until: number }>): number => Math.min(...records.map(({ until }) => until))
    if (txt?.address === true) return { ...result, multiaddrs: [`/ip4/10.9.9.9/tcp/${txt.peer + 1}`], until: until(used) }
    const multiaddrs = hosts.map(({ record }) => placeOf(record, srv.port)).sort()
    return { ...result, multiaddrs, until: until([...used, ...hosts]) }
  }
}

/** Found by chance (seed -1004434869): a text is taken back while the SRV shortens its life, and what was told outlived both. */
const textGoneWhileLapsing: Step[] = [
  {
    wait: 0,
    source: 'two',
    records: [
      { type: 'PTR', ttl: 120, name: 'a' }, { type: 'SRV', ttl: 4_500, name: 'a', port: 1, host: 'h' },
      { type: 'A', ttl: 120, host: 'h', address: 0, flush: false }
    ]
  },
  { wait: 0, source: 'two', records: [{ type: 'TXT', ttl: 4_500, name: 'a', peer: 0, address: false }] },
  {
    wait: 0,
    source: 'two',
    records: [
      { type: 'TXT', ttl: 0, name: 'a', peer: 0, address: false }, { type: 'SRV', ttl: 2, name: 'a', port: 1, host: 'h' },
      { type: 'PTR', ttl: 2, name: 'a' }
    ]
  },
  { wait: 60_000, source: 'one', records: [{ type: 'PTR', ttl: 0, name: 'a' }] },
  { wait: 0, source: 'two', records: [{ type: 'PTR', ttl: 0, name: 'b' }] }
]

describe('the browser', () => {
  it('tells what a plain list of records says', () => {
    let told = 0
    let departures = 0
    fc.assert(fc.property(fc.array(step, { maxLength: 30, size: 'max' }), steps => {
      const { browser, dropped } = create()
      const model = new Model()
      /** What a reader of it believes, by source and instance. */
      const believed = new Map<string, { texts: Set<string>, until: number, lapse: number, peerId: string | undefined }>()
      let now = 0
      for (const step of steps) {
        now += step.wait
        const { present, departed } = browser.hear(step.source, packet(...step.records.map(answer)), now)
        model.hear(step, now)
        for (const { instance, multiaddrs } of departed) {
          const belief = believed.get(`${step.source} ${instance}`)
          if (multiaddrs == null) {
            belief?.texts.clear()
            continue
          }
          departures += multiaddrs.length
          // Only what was told and has not lapsed can be taken back.
          expect(belief!.until).toBeGreaterThan(now)
          for (const address of multiaddrs) expect(belief!.texts.delete(String(address))).toBe(true)
        }
        for (const { instance, multiaddrs, peerId, ttl } of present) {
          told++
          const expected = model.resolve(step.source, instance)
          expect(multiaddrs.map(String).sort()).toEqual(expected.multiaddrs)
          expect(peerId?.toString()).toBe(expected.peerId)
          expect(ttl).toBe(Math.min(Math.max(limits.ttlMin, expected.until - now), MAX_TTL))
          const texts = new Set(multiaddrs.map(String))
          believed.set(`${step.source} ${instance}`, { texts, until: now + ttl, lapse: expected.until, peerId: expected.peerId })
        }
        for (const name of new Set(step.records.flatMap(record => 'name' in record && record.ttl > 0 ? record.name : []))) {
          const instance = `${name}.${TYPE}`
          const { multiaddrs, hasText } = model.resolve(step.source, instance)
          if (multiaddrs.length > 0 && hasText) expect(present.map(({ instance }) => instance)).toContain(instance)
        }
        for (const [key, { texts, lapse, peerId }] of believed) {
          const [source, instance] = key.split(' ') as [string, string]
          // An end that moves by less than a second is not told, as the cache behind would not look at it.
          if (source !== step.source || lapse - NEWS_INTERVAL <= now) continue
          const expected = model.resolve(source, instance)
          expect(expected.multiaddrs).toEqual(expect.arrayContaining([...texts]))
          if (texts.size > 0 && expected.hasText) expect(expected.peerId).toBe(peerId)
        }
      }
      expect(dropped).toEqual({})
    }), { numRuns, examples: [[textGoneWhileLapsing]] })
    // It would say little if nothing ever came of it.
    expect(told).toBeGreaterThan(numRuns)
    expect(departures).toBeGreaterThan(numRuns / 10)
  })

  it('hears of each source what it would hear without the other', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 30, size: 'max' }), steps => {
      const both = create().browser
      const alone = { one: create().browser, two: create().browser }
      let now = 0
      for (const { wait, source, records } of steps) {
        now += wait
        const answers = records.map(answer)
        expect(plainHeard(both.hear(source, packet(...answers), now)))
          .toEqual(plainHeard(alone[source as keyof typeof alone].hear(source, packet(...answers), now)))
        for (const name of ['a', 'b', 'c']) {
          const instance = `${name}.${TYPE}`
          expect(both.questionsFor(source, instance)).toEqual(alone[source as keyof typeof alone].questionsFor(source, instance))
        }
      }
    }), { numRuns })
  })

  it('comes to the same in whatever order and however often a responder says the same', () => {
    const service = fc.record({
      port: fc.integer({ min: 1, max: 2 }), host, peer: fc.integer({ min: 0, max: 2 }), address: fc.boolean()
    })
    const address = fc.record({
      type: fc.constantFrom('A' as const, 'AAAA' as const), host, address: fc.nat(3), flush: fc.boolean(), ttl: fc.constant(120)
    })
    const addresses = fc.uniqueArray(address, {
      minLength: 1, maxLength: 8, selector: ({ type, host, address }) => `${type} ${host} ${address}`
    })
    const dice = fc.array(fc.nat(), { minLength: 30, maxLength: 30 })
    const sizes = fc.array(fc.nat(5), { maxLength: 12 })
    fc.assert(fc.property(service, service, addresses, dice, sizes, (a, b, addresses, dice, sizes) => {
      const services = [{ name: 'a', ...a }, { name: 'b', ...b }]
      const named = services.flatMap(({ name, port, host, peer, address }): Drawn[] => [
        { type: 'PTR', ttl: 4_500, name }, { type: 'SRV', ttl: 120, name, port, host }, { type: 'TXT', ttl: 120, name, peer, address }
      ])
      // Addresses of a host come together (RFC 6762 §6.2).
      const groups = [...named.map(record => [record]), ...['h', 'i'].map(name => addresses.filter(({ host }) => host === name))]
      const shuffled = dice.map(die => groups[die % groups.length]!)
      const { browser, dropped } = create()
      const known = new Map<string, unknown>()
      const questions: Question[] = []
      const say = (records: Drawn[], now: number): void => {
        const heard = browser.hear('source', packet(...records.map(answer)), now)
        for (const service of heard.present) known.set(service.instance, plain({ ...service, ttl: 0 }))
        for (const { instance, multiaddrs } of heard.departed) {
          // Only ever because a text came late that says better.
          if (multiaddrs == null) known.delete(instance)
        }
        questions.push(...heard.questions)
      }
      for (const size of sizes) say(shuffled.splice(0, size).flat(), 0)
      say(shuffled.flat(), 0)
      say([...named.filter(({ type }) => type === 'PTR'), ...groups.at(-1)!], 0)
      // Answered as a responder does, in small packets.
      for (let rounds = 0; questions.length > 0 && rounds < 50; rounds++) {
        const { name, type } = questions.shift()!
        say([...named, ...addresses].filter(record => answer(record).name === name && record.type === type), 0)
      }
      for (const { name, port, host, peer, address } of services) {
        const hosts = addresses.filter(found => found.host === host).map(found => placeOf(found, port))
        const multiaddrs = address ? [`/ip4/10.9.9.9/tcp/${peer + 1}`] : hosts.sort()
        const instance = `${name}.${TYPE}`
        expect(known.get(instance)).toEqual(multiaddrs.length === 0 ? undefined : { instance, peerId: ids[peer], multiaddrs, ttl: 0 })
      }
      expect(dropped).toEqual({})
    }), { numRuns })
  })
})

describe('whatever a packet holds', () => {
  let valid: Buffer[]

  beforeAll(() => {
    const records: Drawn[] = [
      { type: 'PTR', ttl: 120, name: 'a' }, { type: 'SRV', ttl: 120, name: 'a', port: 1, host: 'h' },
      { type: 'TXT', ttl: 120, name: 'a', peer: 0, address: true },
      { type: 'A', ttl: 120, host: 'h', address: 1, flush: true }, { type: 'AAAA', ttl: 0, host: 'h', address: 1, flush: false }
    ]
    const nsec: Answer = { name: `a.${TYPE}`, type: 'NSEC', ttl: 120, data: { nextDomain: TYPE, rrtypes: ['SRV'] } }
    valid = [
      encode({ type: 'response', answers: [...records.map(answer), nsec] }),
      encode({ type: 'response', answers: records.slice(0, 2).map(answer), additionals: records.slice(2).map(answer) }),
      encode({ type: 'response', answers: records.map(record => answer({ ...record, ttl: 0 })) })
    ]
  })

  function hear (browser: ServiceBrowser, bytes: Buffer, source: string, now: number): void {
    let packet: DecodedPacket
    try {
      packet = decode(bytes) as DecodedPacket
    } catch {
      return // counted as malformed by the transport
    }
    const { present, departed, questions } = browser.hear(source, packet, now)
    expect(present.length).toBeLessThanOrEqual(limits.mdnsRecords)
    expect(departed.length).toBeLessThanOrEqual(limits.mdnsGoodbyes)
    expect(questions.length).toBeLessThanOrEqual(8)
    expect(browser.wanted.size).toBeLessThanOrEqual(limits.mdnsPeers)
    for (const { multiaddrs, ttl } of present) {
      expect(multiaddrs.length).toBeGreaterThan(0)
      expect(multiaddrs.length).toBeLessThanOrEqual(limits.addressesPerClaim)
      expect(ttl).toBeGreaterThanOrEqual(limits.ttlMin)
      expect(ttl).toBeLessThanOrEqual(MAX_TTL)
    }
    // What we ask is what was heard, or the names on the wire would be others.
    if (questions.length === 0) return
    const sent = decode(encode({ type: 'query', questions }))
    expect(sent.questions?.map(({ name, type }) => ({ name, type }))).toEqual(questions)
  }

  it('random bytes are dropped or read, and never thrown at', () => {
    const { browser } = create()
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), bytes => hear(browser, Buffer.from(bytes), 'source', 0)), { numRuns })
  })

  it('honest packets with bytes changed, cut or repeated are dropped or read, and never thrown at', () => {
    const { browser } = create()
    let now = 0
    const change = fc.record({ at: fc.nat(2_000), byte: fc.nat(255) })
    fc.assert(fc.property(fc.nat(2), fc.array(change, { maxLength: 8 }), fc.option(fc.nat(2_000), { freq: 4 }), (which, changes, cut) => {
      const bytes = Buffer.from(valid[which]!)
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte
      hear(browser, cut == null ? bytes : bytes.subarray(0, cut % bytes.length), which === 0 ? 'fe80::1%eth0' : '10.0.0.1', now += 100)
    }), { numRuns: 4 * numRuns })
  })

  it('names of any bytes are asked for as they were, or not at all', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 })
    const wire = (name: Uint8Array[]): Buffer =>
      Buffer.concat([...name.flatMap(label => [Buffer.of(label.length), label]), Buffer.of(0)])
    const type = TYPE.split('.').map(label => Buffer.from(label))
    const record = (name: Uint8Array[], type: number, data: Buffer): Buffer => {
      const head = Buffer.alloc(10)
      head.writeUInt16BE(type)
      head.writeUInt16BE(1, 2)
      head.writeUInt32BE(120, 4)
      head.writeUInt16BE(data.length, 8)
      return Buffer.concat([wire(name), head, data])
    }
    const labels = fc.array(label, { minLength: 1, maxLength: 3 })
    fc.assert(fc.property(labels, labels, (front, target) => {
      const header = Buffer.from([0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0])
      const instance = [...front, ...type]
      const srv = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 1]), wire(target)])
      hear(create().browser, Buffer.concat([header, record(type, 12, wire(instance)), record(instance, 33, srv)]), 'source', 0)
    }), { numRuns })
  })
})
