import { dropCounter, limits } from '@peerweave/interface'
import { decode, encode } from 'dns-packet'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MAX_TTL } from '../src/constants.ts'
import { ServiceBrowser, type Heard } from '../src/service-browser.ts'
import { serviceName } from '../src/service-name.ts'
import { createPeerId } from './support.ts'
import type { PeerId } from '@libp2p/interface'
import type { Answer } from 'dns-packet'
import type { Records } from '../src/answer.ts'

const SERVICE = serviceName('service', '_olocus._tcp', 'local')
const { fqdn: TYPE } = SERVICE
const SOURCE = '192.168.7.2'
const HOST = 'vm.local'

let a: PeerId
let b: PeerId
let browser: ServiceBrowser
let dropped: Record<string, number>

beforeAll(async () => {
  a = await createPeerId()
  b = await createPeerId()
})

beforeEach(() => { browser = create() })

function create (service = SERVICE): ServiceBrowser {
  const counter = dropCounter()
  dropped = counter.dropped
  return new ServiceBrowser({ service, drop: counter.drop })
}

interface Options {
  flush?: boolean
  ttl?: number
}

interface SrvOptions extends Options {
  port?: number
  target?: string
  priority?: number
}

interface HostOptions extends Options {
  name?: string
}

const nameOf = (name: string): string => `${name}.${TYPE}`
const ptr = (name = 'one', options: Options = {}): Answer => ({ name: TYPE, type: 'PTR', ttl: 4_500, data: nameOf(name), ...options })
const srv = (name = 'one', { port = 4_001, target = HOST, priority = 0, ...options }: SrvOptions = {}): Answer =>
  ({ name: nameOf(name), type: 'SRV', ttl: 120, data: { port, target, priority }, ...options })
const txt = (name = 'one', strings: string[] = [`peer_id=${a}`], options: Options = {}): Answer =>
  ({ name: nameOf(name), type: 'TXT', ttl: 4_500, data: [...strings], ...options })
const ip4 = (data = SOURCE, options: HostOptions = {}): Answer => ({ name: HOST, type: 'A', ttl: 120, data, ...options })
const ip6 = (data = 'fd00::2', options: HostOptions = {}): Answer => ({ name: HOST, type: 'AAAA', ttl: 120, data, ...options })
const nsec = (name = 'one', rrtypes = ['SRV']): Answer =>
  ({ name: `${name}.${TYPE}`, type: 'NSEC', ttl: 120, data: { nextDomain: `${name}.${TYPE}`, rrtypes } })
const whole = (name = 'one'): Answer[] => [ptr(name), srv(name), txt(name), ip4()]

/** As it comes off the wire. */
function packet (answers: Answer[], additionals: Answer[] = []): Records {
  const { answers: one = [], additionals: two = [] } = decode(encode({ type: 'response', answers, additionals }))
  return { answers: one, additionals: two }
}

function hear (answers: Answer[], now = 0, source = SOURCE): Heard {
  return browser.hear(source, packet(answers), now)
}

const present = (heard: Heard): Array<[string, string | undefined, string[], number]> =>
  heard.present.map(({ instance, peerId, multiaddrs, ttl }) => [instance.split('.')[0]!, peerId?.toString(), multiaddrs.map(String), ttl])
const departed = ({ departed }: Heard): Array<[string, string[] | undefined]> =>
  departed.map(({ instance, multiaddrs }) => [instance.split('.')[0]!, multiaddrs?.map(String)])
const asked = ({ questions }: Heard): string[] => questions.map(({ name, type }) => `${name} ${type}`)
const NOTHING: Heard = { present: [], departed: [], questions: [] }

describe('what responders send', () => {
  it('Avahi: a PTR, and the rest in the additional section with flush bits', () => {
    const flush = true
    const heard = browser.hear(SOURCE, packet([ptr()], [
      srv('one', { flush }), txt('one', [`peer_id=${a}`, 'protocol=/x/1', 'note=hi'], { flush }),
      ip6('fd00::2', { flush }), ip4(SOURCE, { flush })
    ]), 0)
    expect(present(heard)).toEqual([['one', String(a), [`/ip4/${SOURCE}/tcp/4001`, '/ip6/fd00::2/tcp/4001'], 120_000]])
    expect(heard.present[0]).toMatchObject({ instance: `one.${TYPE}`, protocols: ['/x/1'], metadata: new Map([['note', 'hi']]) })
    expect([heard.departed, heard.questions, dropped]).toEqual([[], [], {}])
  })

  it('bonjour-service: no flush bits, a long PTR, the host’s bare name', () => {
    const heard = hear([
      { name: '_services._dns-sd._udp.local', type: 'PTR', ttl: 28_800, data: TYPE },
      ptr('My Node', { ttl: 28_800 }), srv('My Node', { target: 'vm' }), txt('My Node'), ip4(SOURCE, { name: 'vm' }),
      ip6('fe80::1', { name: 'vm' })
    ])
    expect(present(heard)).toEqual([['my node', String(a), [`/ip4/${SOURCE}/tcp/4001`], 120_000]])
    expect(heard.questions).toEqual([])
    expect([...browser.wanted]).toEqual(['vm'])
  })

  it('python-zeroconf: everything as answers, names in capitals, an NSEC for what the host has not', () => {
    const heard = hear([
      srv('Node', { flush: true, target: 'VM.local.' }), txt('Node', [''], { flush: true }), ptr('Node'),
      ip4(SOURCE, { name: 'Vm.Local', flush: true }),
      { name: 'vm.local', type: 'NSEC', ttl: 120, flush: true, data: { nextDomain: 'vm.local', rrtypes: ['A'] } }
    ])
    expect(present(heard)).toEqual([['node', undefined, [`/ip4/${SOURCE}/tcp/4001`], 120_000]])
    expect([heard.questions, dropped]).toEqual([[], {}])
  })

  it('records of other services, classes and types are none of our business', () => {
    expect(hear([
      { name: '_http._tcp.local', type: 'PTR', ttl: 120, data: `one.${TYPE}` },
      { ...ptr(), class: 'CH' } as Answer,
      { name: TYPE, type: 'CNAME', ttl: 120, data: `one.${TYPE}` }, srv(), txt(), ip4()
    ])).toEqual(NOTHING)
    expect(dropped).toEqual({})
  })
})

describe('resolving', () => {
  it('asks for what is missing, a piece at a time', () => {
    const first = hear([ptr()])
    expect([present(first), asked(first)]).toEqual([[], [`one.${TYPE} SRV`, `one.${TYPE} TXT`]])
    const second = hear([srv(), txt()], 10)
    expect([present(second), asked(second)]).toEqual([[], [`${HOST} A`, `${HOST} AAAA`]])
    expect(present(hear([ip4()], 20))).toEqual([['one', String(a), [`/ip4/${SOURCE}/tcp/4001`], 119_990]])
  })

  it('asks once a second and three times, and anew when it is pointed to again', () => {
    expect(asked(hear([ptr(), txt(), srv('one', { target: 'x' })]))).toEqual(['x A', 'x AAAA'])
    const again = (now: number, ...more: Answer[]): number => hear([txt(), ...more], now).questions.length
    expect([500, 999, 1_000, 1_500, 2_000, 3_000, 9_000].map(now => again(now))).toEqual([0, 0, 2, 0, 2, 0, 0])
    expect(again(9_500, ptr())).toBe(2)
    expect(again(9_600, ptr())).toBe(0)
    const two = (now: number, record = nsec('two', ['TXT'])): number => hear([record], now).questions.length
    expect([two(10_000, ptr('two')), two(11_000), two(12_000), two(13_000), two(14_000, ptr('two'))]).toEqual([2, 2, 2, 0, 2])
  })

  it('asks anew for what came and lapsed', () => {
    const lapsing = { ttl: 1 }
    const isAsked = (now: number, ...records: Answer[]): string[] => asked(hear(records, now)).map(text => text.replace(`one.${TYPE} `, ''))
    hear([ptr(), ip4()])
    for (const now of [1_000, 2_000, 3_000]) hear([nsec('one', ['TXT'])], now)
    expect(isAsked(10_000, nsec('one', ['TXT']))).toEqual([])
    hear([srv(), txt()], 10_000)
    for (const now of [11_000, 12_000, 13_000]) hear([txt()], now)
    expect(isAsked(14_000, txt())).toEqual([])
    hear([srv('one', lapsing), txt('one', [], lapsing), ip4(SOURCE, lapsing), ip6('fd00::2', lapsing)], 20_000)
    expect(isAsked(21_000, nsec('one', ['TXT']))).toEqual(['SRV', 'TXT'])
    expect(isAsked(22_000, srv())).toEqual(['TXT', `${HOST} A`, `${HOST} AAAA`])
    for (const now of [23_000, 24_000]) hear([srv()], now)
    expect(isAsked(25_000, srv())).toEqual([])
    hear([ip4(SOURCE, lapsing), ip6('fd00::2', lapsing)], 30_000)
    expect(isAsked(31_000, srv())).toEqual([`${HOST} A`, `${HOST} AAAA`])
  })

  it('asks at most 8 questions for a packet', () => {
    const questions = [0, 1, 2].map(() => asked(hear(Array.from({ length: 12 }, (_, i) => ptr(`p${i}`)))))
    expect(questions.map(({ length }) => length)).toEqual([8, 8, 8])
    expect(new Set(questions.flat()).size).toBe(24)
  })

  it('takes the text’s addresses in place of the host’s, and does not ask for those', () => {
    const heard = hear([ptr(), srv(), txt('one', [`peer_id=${a}`, `addr=/ip4/10.0.0.1/udp/1/quic-v1/p2p/${a}`]), ip4()])
    expect(present(heard)).toEqual([['one', String(a), ['/ip4/10.0.0.1/udp/1/quic-v1'], 120_000]])
    expect(hear([ptr('two'), srv('two', { target: 'elsewhere.local' }), txt('two', ['addr=/ip4/10.0.0.1/tcp/1'])]).questions).toEqual([])
  })

  it('without a text waits for the answer to its question, and then takes it for none', () => {
    const heard = hear([ptr(), srv(), ip4()])
    expect([present(heard), asked(heard)]).toEqual([[], [`one.${TYPE} TXT`]])
    expect(present(hear([srv()], 999))).toEqual([])
    expect(present(hear([srv()], 1_000))).toEqual([['one', undefined, [`/ip4/${SOURCE}/tcp/4001`], 119_000]])
    expect(present(hear([srv()], 1_500)).length).toBe(1)
    const late = hear([txt('one', undefined, { ttl: 1 })], 1_600)
    expect(departed(late)).toEqual([['one', undefined]])
    expect(present(late)[0]?.[1]).toBe(String(a))
    // It is no less a peer because its text is late once.
    expect(present(hear([srv()], 5_000))).toEqual([])
    expect(present(hear([srv()], 6_000))[0]?.[1]).toBeUndefined()
  })

  it('without a text does not wait when it is denied', () => {
    const heard = hear([ptr(), srv(), ip4(), nsec()])
    expect([present(heard).length, heard.questions]).toEqual([1, []])
    expect(present(hear([ptr('two'), srv('two'), ip4(), nsec('two', ['TXT', 'SRV'])]))).toEqual([])
    hear([txt()], 500)
    expect(present(hear([txt('one', undefined, { ttl: 0 }), srv()], 600))).toEqual([])
  })

  it('refuses all of a service whose text names two peers, or an id that is none', () => {
    const mixed = txt('one', [`peer_id=${a}`, `addr=/ip4/10.0.0.1/tcp/1/p2p/${b}`])
    const heard = hear([ptr(), srv(), mixed, ip4(), ptr('two'), srv('two'), txt('two', ['peer_id=x'])])
    expect(heard).toEqual(NOTHING)
    expect(dropped).toEqual({ 'mixed-ids': 1, 'no-peer-id': 1 })
    hear([txt('two', ['peer_id=x'])], 5_000)
    expect(dropped).toEqual({ 'mixed-ids': 1, 'no-peer-id': 1 })
  })

  it.each([['port 0', { port: 0 }], ['the target "."', { target: '.' }]])('takes a service with %s for not offered', (_what, options) => {
    const heard = hear([ptr(), srv('one', options), txt('one', [`peer_id=${a}`, 'addr=/ip4/10.0.0.1/tcp/1']), ip4()])
    expect(heard).toEqual(NOTHING)
    expect(hear([ptr('two'), srv('two', { target: 'other.local', ...options }), txt('two')], 10)).toEqual(NOTHING)
    hear(whole(), 10)
    expect(departed(hear([srv('one', options)], 20))).toEqual([['one', [`/ip4/${SOURCE}/tcp/4001`]]])
  })

  it('makes QUIC addresses of a UDP service', () => {
    browser = create(serviceName('service', '_olocus._udp', 'local'))
    const answers = whole().map(answer => ({ ...answer, name: answer.name.replace('_tcp', '_udp') })) as Answer[]
    answers[0] = { name: '_olocus._udp.local', type: 'PTR', ttl: 120, data: 'one._olocus._udp.local' }
    expect(present(hear(answers))[0]?.[2]).toEqual([`/ip4/${SOURCE}/udp/4001/quic-v1`])
  })

  it('takes a link-local address with the zone that the packet came through, and without one not at all', () => {
    const answers = [ptr(), srv(), txt(), ip6('fe80::2')]
    expect(present(hear(answers, 0, 'fe80::1%eth0'))[0]?.[2]).toEqual(['/ip6zone/eth0/ip6/fe80::2/tcp/4001'])
    expect(present(hear(answers, 0, SOURCE))).toEqual([])
  })

  it('takes SRV and TXT without their PTR only after one was heard', () => {
    expect(hear([srv(), txt(), ip4()])).toEqual(NOTHING)
    hear([ptr('one', { ttl: 10 }), srv(), txt(), ip4()])
    expect(present(hear([srv(), ip4()], 60_000))).toEqual([['one', String(a), [`/ip4/${SOURCE}/tcp/4001`], 120_000]])
    expect(present(hear([srv(), ip4()], 180_000))).toEqual([])
  })

  it('tells what is left of the least TTL, within its bounds', () => {
    expect(present(hear([ptr('one', { ttl: 90 }), srv(), txt(), ip4()]))[0]?.[3]).toBe(90_000)
    expect(present(hear([ptr('one', { ttl: 900 })], 100_000))[0]?.[3]).toBe(20_000)
    expect(present(hear([txt()], 119_500))[0]?.[3]).toBe(limits.ttlMin)
    const ttl = 0xffff_ffff
    const forever = [ptr('two', { ttl }), srv('two', { ttl, target: 'x' }), txt('two', ['addr=/ip4/1.1.1.1/tcp/1'], { ttl })]
    expect(present(hear(forever))[0]?.[3]).toBe(MAX_TTL)
  })

  it('forgets what has lapsed, and asks for it when it hears of the service again', () => {
    hear(whole())
    browser.expire(119_999)
    expect(browser.wanted.size).toBe(1)
    browser.expire(120_000)
    expect(browser.wanted.size).toBe(0)
    expect(asked(hear([ptr()], 130_000))).toEqual([`one.${TYPE} SRV`])
    browser.expire(5_000_000)
    expect(browser.questionsFor(SOURCE, `one.${TYPE}`)).toEqual([])
  })

  it('tells of a service again with each of its records, and for its host’s only what is new', () => {
    hear([...whole(), ...whole('two')])
    expect(present(hear([ip4()], 500))).toEqual([])
    expect(present(hear([ptr()], 600)).map(([name]) => name)).toEqual(['one'])
    expect(present(hear([ip6()], 700)).map(([name, , addresses]) => [name, addresses.length])).toEqual([['one', 2], ['two', 2]])
    const both = hear([srv(), srv('two')], 60_000)
    expect(both.present.map(({ ttl }) => ttl)).toEqual([60_500, 60_500])
    expect(present(hear([ip4(), ip6()], 60_000)).map(([name, , , ttl]) => [name, ttl])).toEqual([['one', 120_000], ['two', 120_000]])
    expect(present(hear([ip4(SOURCE, { ttl: 10 })], 60_000)).map(([, , , ttl]) => ttl)).toEqual([10_000, 10_000])
  })

  it('takes the latest SRV and text, and of one packet’s the SRV with the lowest priority', () => {
    const services = [srv('one', { priority: 1 }), srv('one', { port: 2 })]
    for (const records of [services, services.toReversed()]) {
      browser = create()
      expect(present(hear([ptr(), txt(), ip4(), ...records]))[0]?.[2]).toEqual([`/ip4/${SOURCE}/tcp/2`])
    }
    const texts = [['a=1', 'b=2'], ['a=1b=2'], ['a=0']].map(strings => txt('one', strings))
    const metadata = (records: Answer[], now: number): unknown => hear(records, now).present[0]?.metadata
    expect(metadata(texts, 1)).toEqual(metadata(texts.toReversed(), 2))
    expect(metadata([texts[0]!], 3)).not.toEqual(metadata([texts[1]!], 4))
    const heard = hear([srv('one', { port: 9 })], 10)
    expect([departed(heard), present(heard)[0]?.[2]]).toEqual([[['one', [`/ip4/${SOURCE}/tcp/2`]]], [`/ip4/${SOURCE}/tcp/9`]])
  })

  it('names what to ask to keep an instance', () => {
    hear(whole())
    hear([ptr('two'), srv('two', { target: 'other' }), txt('two', ['addr=/ip4/1.1.1.1/tcp/1'])])
    const questions = (name: string, source = SOURCE): string[] =>
      asked({ ...NOTHING, questions: browser.questionsFor(source, nameOf(name)) })
    expect(questions('one')).toEqual([`one.${TYPE} SRV`, `one.${TYPE} TXT`, `${HOST} A`])
    expect(questions('two')).toEqual([`two.${TYPE} SRV`, `two.${TYPE} TXT`])
    expect(questions('one', '192.168.7.3')).toEqual([])
    hear([ptr('three'), srv('three', { target: 'a\ufffd' }), txt('three')])
    expect(questions('three')).toEqual([`three.${TYPE} SRV`, `three.${TYPE} TXT`])
  })

  it('asks nothing for a name that would be another on the wire, and resolves it when all is there', () => {
    expect(asked(hear([ptr('dr. who')]))).toEqual([])
    expect(dropped).toEqual({ 'unresolvable-name': 2 })
    expect(present(hear([srv('dr. who'), txt('dr. who'), ip4()], 10)).length).toBe(1)
    expect(browser.questionsFor(SOURCE, `dr. who.${TYPE}`)).toEqual([{ name: HOST, type: 'A' }])
    expect(asked(hear([ptr('a\ufffd')]))).toEqual([])
  })
})

describe('goodbyes', () => {
  beforeEach(() => { hear([...whole(), ip6(), ...whole('two')]) })

  it.each<[string, Answer[]]>([
    ['its PTR', [ptr('one', { ttl: 0 })]],
    ['its SRV', [srv('one', { ttl: 0 })]],
    ['all of it', [ptr('one', { ttl: 0 }), srv('one', { ttl: 0 }), txt('one', undefined, { ttl: 0 })]],
    ['all but its PTR', [srv('one', { ttl: 0 }), txt('one', [], { ttl: 0 }), txt('one', [])]],
    ['its SRV, in a packet that also has it', [srv(), srv('one', { ttl: 0 })]],
    ['its PTR, in a packet that also has it', [ptr('one', { ttl: 0 }), ptr()]]
  ])('to %s is one to the instance', (_what, records) => {
    const heard = hear(records, 500)
    expect([departed(heard), present(heard), asked(heard)]).toEqual([[['one', undefined]], [], []])
    expect(present(hear([txt('two')], 600)).length).toBe(1)
  })

  it('to a PTR forgets the instance, to an SRV only that', () => {
    hear([srv('two', { ttl: 0 }), ptr('one', { ttl: 0 })])
    expect(hear([srv()], 500)).toEqual(NOTHING)
    expect(present(hear([srv('two'), ip4()], 500)).length).toBe(1)
  })

  it('to an address of the host is one to that address of every instance on it', () => {
    const heard = hear([ip6('fd00::2', { ttl: 0, flush: true })], 500)
    expect([departed(heard), present(heard)]).toEqual([['one', 'two'].map(name => [name, ['/ip6/fd00::2/tcp/4001']]), []])
    expect(departed(hear([ip6('fd00::2', { ttl: 0 })], 600))).toEqual([])
    const last = hear([ip4(SOURCE, { ttl: 0 })], 700)
    expect(departed(last)).toEqual(['one', 'two'].map(name => [name, [`/ip4/${SOURCE}/tcp/4001`]]))
    expect(asked(last)).toEqual([`${HOST} A`, `${HOST} AAAA`])
  })

  it('to a text takes the addresses that it gave', () => {
    hear([txt('one', [`peer_id=${a}`, 'addr=/ip4/10.0.0.1/tcp/1'])], 100)
    const heard = hear([txt('one', [`peer_id=${a}`, 'addr=/ip4/10.0.0.1/tcp/1'], { ttl: 0 })], 500)
    expect([departed(heard), present(heard)]).toEqual([[['one', ['/ip4/10.0.0.1/tcp/1']]], []])
    expect(asked(heard)).toEqual([`one.${TYPE} TXT`])
    expect(departed(hear([txt('two', undefined, { ttl: 0 })], 500))).toEqual([])
  })

  it('to what has changed since is none', () => {
    hear([srv('one', { port: 9 }), txt('one', ['new=1', `peer_id=${a}`])], 100)
    expect(hear([srv('one', { ttl: 0 }), txt('one', undefined, { ttl: 0 }), ip4('10.9.9.9', { ttl: 0 })], 500)).toEqual(NOTHING)
    // As when both are in one packet, in whatever order.
    const heard = hear([srv('two', { port: 9 }), srv('two', { ttl: 0 })], 600)
    expect([departed(heard), present(heard)[0]?.[2]?.[0]]).toEqual([
      [['two', [`/ip4/${SOURCE}/tcp/4001`, '/ip6/fd00::2/tcp/4001']]], `/ip4/${SOURCE}/tcp/9`
    ])
  })

  it('to what was never heard of goes on to the cache behind, to what was never told does not', () => {
    expect(departed(hear([ptr('unknown', { ttl: 0 })], 500))).toEqual([['unknown', undefined]])
    hear([ptr('half')], 600)
    expect(departed(hear([ptr('half', { ttl: 0 })], 700))).toEqual([])
  })

  it('are heard 8 a packet, those to instances first', () => {
    hear(Array.from({ length: 10 }, (_, i) => whole(`p${i}`)).flat(), 100)
    const heard = hear([ip4(SOURCE, { ttl: 0 }), ptr('one', { ttl: 0 }), ptr('two', { ttl: 0 })], 500)
    expect(departed(heard).slice(0, 3)).toEqual([['one', undefined], ['two', undefined], ['p0', [`/ip4/${SOURCE}/tcp/4001`]]])
    expect(heard.departed.length).toBe(limits.mdnsGoodbyes)
    expect(dropped).toEqual({ 'too-many-goodbyes': 1 })
  })

  it('are told of an instance that has become another peer, before that', () => {
    const heard = hear([txt('one', [`peer_id=${b}`])], 500)
    expect([departed(heard), present(heard).map(([, peer]) => peer)]).toEqual([[['one', undefined]], [String(b)]])
  })

  it('are told when a text becomes one that is refused', () => {
    expect(departed(hear([txt('one', ['peer_id=x'])], 500))).toEqual([['one', [`/ip4/${SOURCE}/tcp/4001`, '/ip6/fd00::2/tcp/4001']]])
  })

  it('are not told of what had lapsed anyway', () => {
    expect(departed(hear([srv('one', { port: 9 }), ip4('10.0.0.9')], 120_000))).toEqual([])
  })
})

describe('the flush bit', () => {
  beforeEach(() => { hear([...whole(), ip4('10.0.0.9'), ip6()]) })

  it('ends what is older than a second of the same host and type', () => {
    const heard = hear([ip4('10.0.0.3', { flush: true })], 1_001)
    expect(departed(heard)).toEqual([['one', [`/ip4/10.0.0.9/tcp/4001`, `/ip4/${SOURCE}/tcp/4001`]]])
    expect(present(heard)[0]?.[2]).toEqual(['/ip4/10.0.0.3/tcp/4001', '/ip6/fd00::2/tcp/4001'])
  })

  it('leaves what is said anew in the same packet, and what was said within the second', () => {
    expect(hear([ip4('10.0.0.9', { flush: true }), ip4(SOURCE, { flush: true })], 5_000).departed).toEqual([])
    expect(hear([ip4('10.0.0.3', { flush: true })], 6_000).departed).toEqual([])
  })

  it('is needed for it: without it addresses add up, to 8 of a family, the latest said', () => {
    expect(present(hear([ip4('10.0.0.3')], 5_000))[0]?.[2]?.length).toBe(4)
    hear([ip4()], 5_500)
    const heard = hear(Array.from({ length: 7 }, (_, i) => ip4(`10.1.0.${i}`)), 6_000)
    expect(present(heard)[0]?.[2]?.slice(0, 2)).toEqual([`/ip4/${SOURCE}/tcp/4001`, '/ip4/10.1.0.0/tcp/4001'])
    expect(departed(heard)).toEqual([['one', ['/ip4/10.0.0.9/tcp/4001', '/ip4/10.0.0.3/tcp/4001']]])
    expect(present(heard)[0]?.[2]?.length).toBe(9)
    expect(dropped).toEqual({ 'too-many-addresses': 2 })
  })

  it('does nothing to what another source said', () => {
    hear(whole(), 0, '192.168.7.3')
    expect(hear([ip4('10.0.0.3', { flush: true })], 5_000, '192.168.7.3').departed.length).toBe(1)
    expect(present(hear([ptr()], 6_000))[0]?.[2]?.length).toBe(3)
  })
})

describe('bounds', () => {
  const fill = (count: number, source: string): void => {
    for (let i = 0; i < count; i++) hear([ptr(`p${i}`)], 0, source)
  }

  it('a source that makes up ten thousand names keeps as many as there is room for', () => {
    fill(10_000, 'liar')
    expect(dropped['cache-full']).toBe(10_000 - limits.mdnsPeers)
    expect(browser.questionsFor('liar', `p255.${TYPE}`).length).toBe(2)
    expect(browser.questionsFor('liar', `p256.${TYPE}`)).toEqual([])
  })

  it('a newcomer takes the place of the longest known of the source that holds most', () => {
    hear(whole(), 0, 'honest')
    fill(limits.mdnsPeers - 1, 'liar')
    expect(present(hear(whole('two'), 0, 'newcomer')).length).toBe(1)
    expect(browser.questionsFor('liar', `p0.${TYPE}`)).toEqual([])
    expect(browser.questionsFor('honest', `one.${TYPE}`).length).toBe(3)
    expect(dropped).toEqual({})
  })

  it('there is room again for what has lapsed', () => {
    for (let i = 0; i < limits.mdnsPeers; i++) hear([ptr(`p${i}`, { ttl: 1 })], 0, 'liar')
    expect(present(hear(whole(), 1_000, 'liar')).length).toBe(1)
    expect(dropped).toEqual({})
  })

  it('hosts are as many as the instances on them', () => {
    for (let i = 0; i < 300; i++) hear([ptr(), srv('one', { target: `h${i}.local` }), ip4(SOURCE, { name: `x${i}.local` })], i)
    expect([...browser.wanted]).toEqual(['h299'])
    hear([ptr('two'), srv('two', { target: 'h299.lan' })], 300)
    hear([ptr('one', { ttl: 0 })], 300)
    expect([...browser.wanted]).toEqual(['h299'])
    hear([ptr('two', { ttl: 0 })], 300)
    expect([...browser.wanted]).toEqual([])
  })

  it('a host that an instance leaves in the packet that takes it back is forgotten', () => {
    hear([ptr(), srv()])
    hear([srv('one', { target: 'other.local' }), ptr('one', { ttl: 0 })], 10)
    expect([...browser.wanted]).toEqual([])
  })

  it('a host of 256 instances that always changes costs a bounded answer', () => {
    for (let i = 0; i < limits.mdnsPeers; i++) hear([ptr(`p${i}`), srv(`p${i}`, { port: 1 + i }), txt(`p${i}`)])
    for (let i = 0; i < 20; i++) {
      const heard = hear(Array.from({ length: 16 }, (_, j) => ip4(`10.0.${i}.${j}`, { flush: true })), 2_000 * i)
      expect(heard.present.length).toBe(limits.mdnsRecords)
      expect(heard.departed.length).toBeLessThanOrEqual(limits.mdnsGoodbyes)
      expect(heard.questions.length).toBeLessThanOrEqual(8)
    }
  })

  it('a packet of wrong addresses has a few of them looked at', () => {
    const names = Array.from({ length: 30 }, (_, i) => `p${i}`)
    hear([...names.map(name => ptr(name)), ...names.map(name => txt(name, ['addr=x', 'addr=y']))])
    expect(dropped).toEqual({ 'bad-address': limits.addressesPerClaim })
    hear([txt('p29', ['addr=z'])], 10)
    expect(dropped).toEqual({ 'bad-address': limits.addressesPerClaim + 1 })
  })

  it.each<[string, unknown]>([
    ['nothing in it', undefined],
    ['no data', { name: TYPE, type: 'PTR', ttl: 1 }],
    ['a number for a name', { ...ptr(), data: 7 }],
    ['a PTR out of the service', { ...ptr(), data: 'one._http._tcp.local' }],
    ['a PTR to the service itself', { ...ptr(), data: TYPE }],
    ['a number for a text', { ...txt(), data: [7] }],
    ['no SRV', { ...srv(), data: null }],
    ['a port out of range', { ...srv(), data: { port: 65_536, target: 'x' } }],
    ['no target', { ...srv(), data: { port: 1 } }],
    ['a name for an address', { ...ip4(), data: 'localhost' }],
    ['a name for an IPv6 address', { ...ip6(), data: 'localhost' }],
    ['an address with a zone', { ...ip6(), data: 'fe80::1%lo' }],
    ['no types', { ...nsec(), data: {} }],
    ['no TTL', { ...ptr(), ttl: undefined }],
    ['a TTL that is none', { ...ptr(), ttl: Number.NaN }],
    ['no name', { ...ptr(), name: 7 }]
  ])('a record with %s is dropped, never thrown at', (_what, record) => {
    hear(whole())
    expect(browser.hear(SOURCE, { answers: [record as Answer], additionals: [] }, 1)).toEqual(NOTHING)
    expect(dropped).toEqual(record == null ? {} : { 'bad-record': 1 })
  })
})
