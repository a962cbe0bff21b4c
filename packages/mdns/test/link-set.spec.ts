import { dropCounter, limits, virtualClock, type VirtualClock } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INTERFACE_INTERVAL } from '../src/constants.ts'
import { LinkSet } from '../src/link-set.ts'
import { selectLinks, type Link, type LinkRules } from '../src/links.ts'
import type { InterfaceAddress, MdnsNetwork } from '../src/network.ts'

type Interfaces = Record<string, InterfaceAddress[]>

const RULES: LinkRules = { deny: ['lo'], families: ['IPv4', 'IPv6'] }

function v4 (address: string): InterfaceAddress {
  return { address, family: 'IPv4', internal: false, cidr: `${address}/24` }
}

function v6 (address: string): InterfaceAddress {
  return { address, family: 'IPv6', internal: false, cidr: `${address}/64`, scopeid: 2 }
}

const ETH0 = { eth0: [v4('192.168.7.1')] }
const WLAN0 = { wlan0: [v4('192.168.8.1')] }

/** What a session is here: the link it was opened for. */
interface Session {
  link: Link
}

class Machine {
  readonly clock: VirtualClock = virtualClock()
  readonly dropped: Record<string, number>
  readonly set: LinkSet<Session>
  /** What happened, in order: `+eth0/IPv4 192.168.7.1`. */
  readonly log: string[] = []
  readonly errors: string[] = []
  /** Told and not over. */
  readonly ailing = new Set<Error>()
  /** What must never be. Not thrown where it is seen: the set would take it for a failure of the link. */
  readonly faults: string[] = []
  readonly open = new Set<Session>()
  /** Keys of links that cannot be opened; with an address, only while they have it. */
  readonly broken = new Set<string>()
  /** Keys of links whose opening takes until it is let go. */
  readonly slow = new Map<string, Promise<void>>()
  changes = 0
  attempts = 0
  interfaces: Interfaces | Error
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  #isStopping = false

  constructor (interfaces: Interfaces | Error, rules = RULES) {
    const { dropped, drop } = dropCounter()
    this.dropped = dropped
    this.interfaces = interfaces
    const network: MdnsNetwork = {
      interfaces: () => {
        if (this.interfaces instanceof Error) throw this.interfaces
        return this.interfaces
      },
      createSocket: () => { throw new Error('nobody opens a socket here') }
    }
    this.set = new LinkSet<Session>({
      network,
      rules,
      clock: this.clock,
      drop,
      open: async link => {
        this.attempts++
        await this.slow.get(link.key)
        if (this.broken.has(link.key) || this.broken.has(`${link.key} ${link.address}`)) throw new Error(`no ${link.key}`)
        // The port is shared, but the same link is never open twice.
        if ([...this.open].some(session => session.link.key === link.key)) this.faults.push(`${link.key} is open twice`)
        const session = { link }
        this.open.add(session)
        this.log.push(`+${link.key} ${link.address}`)
        return session
      },
      close: async session => {
        if ([...this.set.sessions.values()].includes(session)) this.faults.push(`${session.link.key} is shown while it is closed`)
        this.log.push(`-${session.link.key} ${session.link.address}`)
        await this.slow.get(`-${session.link.key}`)
        this.open.delete(session)
      },
      onError: error => {
        this.errors.push(error.message)
        this.ailing.add(error)
        return () => { this.ailing.delete(error) }
      },
      onChange: () => {
        this.changes++
        if (this.#isStopping) this.faults.push('a change is told while all are closed')
      }
    })
  }

  async start (): Promise<void> {
    await this.set.start()
    this.#running = this.set.run(this.#abort.signal).catch(() => {})
  }

  /** The next look, and what comes of it at once. */
  async look (count = 1): Promise<void> {
    await this.clock.advance(count * INTERFACE_INTERVAL)
  }

  /** What is done with the link of this key, or its closing with `-` before it, waits until what is given back is called. */
  stall (key: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.slow.set(key, promise)
    return resolve
  }

  async stop (): Promise<void> {
    this.#abort.abort()
    await this.#running
    const closing = this.set.close()
    this.#isStopping = true
    await closing
    expect([this.open.size, this.set.sessions.size, this.clock.pending, this.faults]).toEqual([0, 0, 0, []])
  }

  get keys (): string[] {
    return [...this.set.sessions.keys()].sort()
  }
}

/** One link is open, and another one is being opened until it is let go. */
async function opening (): Promise<{ machine: Machine, letGo: () => void }> {
  const machine = new Machine(ETH0)
  await machine.start()
  const letGo = machine.stall('wlan0/IPv4')
  machine.interfaces = { ...ETH0, ...WLAN0 }
  await machine.look()
  return { machine, letGo }
}

describe('the link set', () => {
  it('opens every link there is', async () => {
    const machine = new Machine({ ...ETH0, ...WLAN0 })
    await machine.start()
    expect(machine.keys).toEqual(['eth0/IPv4', 'wlan0/IPv4'])
    expect(machine.set.sessions.get('eth0/IPv4')?.link.address).toBe('192.168.7.1')
    await machine.look(100)
    expect(machine.log).toEqual(['+eth0/IPv4 192.168.7.1', '+wlan0/IPv4 192.168.8.1'])
    expect(machine.errors).toEqual([])
    await machine.stop()
  })

  it('opens a link that comes and closes one that goes, and says so', async () => {
    const machine = new Machine(ETH0)
    await machine.start()
    machine.changes = 0
    machine.interfaces = { ...ETH0, ...WLAN0 }
    await machine.clock.advance(INTERFACE_INTERVAL - 1)
    expect(machine.keys).toEqual(['eth0/IPv4'])
    await machine.clock.advance(1)
    expect([machine.keys, machine.changes]).toEqual([['eth0/IPv4', 'wlan0/IPv4'], 1])
    machine.interfaces = WLAN0
    await machine.look()
    expect([machine.keys, machine.changes]).toEqual([['wlan0/IPv4'], 2])
    machine.interfaces = {}
    await machine.look()
    expect([machine.keys, machine.changes]).toEqual([[], 3])
    machine.interfaces = ETH0
    await machine.look()
    expect([machine.keys, machine.changes]).toEqual([['eth0/IPv4'], 4])
    expect(machine.errors).toEqual([])
    await machine.stop()
    expect(machine.changes).toBe(4)
  })

  it('opens a link anew when anything about it changed, the old one closed first', async () => {
    const machine = new Machine(ETH0)
    await machine.start()
    machine.interfaces = { eth0: [v4('192.168.7.2')] }
    await machine.look()
    expect(machine.log.splice(0)).toEqual(['+eth0/IPv4 192.168.7.1', '-eth0/IPv4 192.168.7.1', '+eth0/IPv4 192.168.7.2'])
    machine.interfaces = { eth0: [{ ...v4('192.168.7.2'), cidr: '192.168.7.2/16' }] }
    await machine.look()
    expect(machine.log.splice(0)).toEqual(['-eth0/IPv4 192.168.7.2', '+eth0/IPv4 192.168.7.2'])
    machine.interfaces = { eth0: [v4('192.168.7.2'), v6('fe80::1')] }
    await machine.look()
    expect(machine.log.splice(0).sort()).toEqual(['+eth0/IPv4 192.168.7.2', '+eth0/IPv6 fe80::1', '-eth0/IPv4 192.168.7.2'])
    // Taken away and made again between two looks: what had joined the group on it has not joined it now.
    machine.interfaces = { eth0: [v4('192.168.7.2'), { ...v6('fe80::1'), scopeid: 3 }] }
    await machine.look()
    expect(machine.log.splice(0)).toHaveLength(4)
    await machine.stop()
  })

  it('tries again what could not be opened, sooner at first, telling it once', async () => {
    const machine = new Machine({ ...ETH0, ...WLAN0 })
    machine.broken.add('wlan0/IPv4')
    await machine.start()
    expect([machine.keys, machine.errors]).toEqual([['eth0/IPv4'], ['no wlan0/IPv4']])
    const attemptedAt: number[] = []
    for (let look = 1; look <= 130; look++) {
      const { attempts } = machine
      await machine.look()
      if (machine.attempts > attempts) attemptedAt.push(look)
    }
    expect(attemptedAt).toEqual([1, 3, 7, 15, 31, 61, 91, 121]) // 60 s apart at last
    expect([machine.errors.length, machine.ailing.size]).toEqual([1, 1])
    machine.broken.clear()
    await machine.look(21)
    expect([machine.keys, machine.ailing.size]).toEqual([['eth0/IPv4', 'wlan0/IPv4'], 0])
    machine.broken.add('eth1/IPv4')
    machine.interfaces = { ...ETH0, ...WLAN0, eth1: [v4('192.168.9.1')] }
    await machine.look(2)
    expect(machine.ailing.size).toBe(1)
    machine.interfaces = { ...ETH0, ...WLAN0 }
    await machine.look()
    expect(machine.ailing.size).toBe(0)
    await machine.stop()
  })

  it('tells a failure again, and tries at once, when the link worked or changed in between', async () => {
    const machine = new Machine(ETH0)
    await machine.start()
    machine.broken.add('wlan0/IPv4')
    machine.interfaces = { ...ETH0, ...WLAN0 }
    await machine.look(20)
    expect(machine.errors).toEqual(['no wlan0/IPv4'])
    machine.interfaces = { ...ETH0, wlan0: [v4('192.168.8.2')] }
    await machine.look()
    expect(machine.errors).toHaveLength(2)
    machine.broken.clear()
    await machine.look()
    expect(machine.keys).toEqual(['eth0/IPv4', 'wlan0/IPv4'])
    machine.broken.add('wlan0/IPv4')
    machine.interfaces = { ...ETH0, ...WLAN0 }
    await machine.look()
    expect([machine.keys, machine.errors.length]).toEqual([['eth0/IPv4'], 3])
    await machine.stop()
  })

  it('does not hold up the others for one that is slow', async () => {
    const { machine, letGo } = await opening()
    machine.interfaces = { eth0: [v4('192.168.7.2')], ...WLAN0, eth1: [v4('192.168.9.1')] }
    await machine.look()
    expect(machine.keys).toEqual(['eth0/IPv4', 'eth1/IPv4'])
    letGo()
    await machine.clock.settle()
    expect(machine.keys).toEqual(['eth0/IPv4', 'eth1/IPv4', 'wlan0/IPv4'])
    expect(machine.attempts).toBe(4)
    await machine.stop()
  })

  it('neither tells nor counts the failure of a link that changed while it was being opened', async () => {
    const { machine, letGo } = await opening()
    machine.interfaces = { ...ETH0, wlan0: [v4('192.168.8.2')] }
    await machine.look()
    machine.broken.add('wlan0/IPv4 192.168.8.1')
    letGo()
    await machine.clock.settle()
    expect([machine.errors, machine.set.sessions.get('wlan0/IPv4')?.link.address]).toEqual([[], '192.168.8.2'])
    await machine.stop()
  })

  it('opens nothing any more once it is closed, also when it is still run', async () => {
    const machine = new Machine(ETH0)
    await machine.start()
    await machine.set.close()
    machine.interfaces = { ...ETH0, ...WLAN0 }
    await machine.look(3)
    expect([machine.attempts, machine.open.size]).toEqual([1, 0])
    await machine.stop()
  })

  it('starts with those that can be opened, and does not when none can', async () => {
    const machine = new Machine({ ...ETH0, eth1: [v4('192.168.9.1')], ...WLAN0 })
    for (const key of ['eth0/IPv4', 'eth1/IPv4', 'wlan0/IPv4']) machine.broken.add(key)
    const error = await machine.start().catch((error: unknown) => error as Error)
    expect(error).toMatchObject({
      code: 'ERR_MDNS',
      message: 'mdns: no eth0/IPv4; this machine has 192.168.7.1 (eth0), 192.168.9.1 (eth1), 192.168.8.1 (wlan0)',
      cause: { message: 'no eth0/IPv4' }
    })
    machine.broken.clear()
    const abort = new AbortController()
    const running = machine.set.run(abort.signal).catch(() => {})
    await machine.look(3)
    abort.abort()
    await running
    await machine.stop()
    expect([machine.errors, machine.attempts]).toEqual([[], 3])
  })

  it('does not start when no interface fits, and says which there are', async () => {
    const machine = new Machine({ lo: [v4('127.0.0.1')], eth0: [v4('192.168.7.1'), v6('fe80::1')] }, { ...RULES, allow: ['eth1'] })
    const have = '127.0.0.1 (lo), 192.168.7.1 (eth0), fe80::1 (eth0)'
    await expect(machine.start()).rejects.toThrow(`mdns: no interface fits (interfaces "eth1", without "lo"); this machine has ${have}`)
    const bare = new Machine({})
    await expect(bare.start()).rejects.toThrow('mdns: no interface fits (without "lo"); this machine has none')
    const silent = new Machine(new Error('EACCES'))
    await expect(silent.start()).rejects.toThrow('mdns: EACCES; this machine has interfaces that it does not tell of')
  })

  it('keeps what it has while the machine does not tell its interfaces, and tells it once', async () => {
    const machine = new Machine(ETH0)
    await machine.start()
    machine.interfaces = new Error('EMFILE')
    await machine.look(10)
    expect([machine.keys, machine.errors]).toEqual([['eth0/IPv4'], ['EMFILE']])
    machine.interfaces = WLAN0
    await machine.look()
    expect(machine.keys).toEqual(['wlan0/IPv4'])
    machine.interfaces = new Error('EMFILE')
    await machine.look()
    expect(machine.errors).toEqual(['EMFILE', 'EMFILE'])
    await machine.stop()
  })

  it.each(['start', 'look'])('closed while a %s is opening, ends with nothing open', async when => {
    const machine = new Machine(when === 'start' ? { ...ETH0, ...WLAN0 } : ETH0)
    const letGo = machine.stall('wlan0/IPv4')
    const started = machine.start()
    if (when === 'look') {
      await started
      machine.interfaces = { ...ETH0, ...WLAN0 }
      await machine.look()
    }
    await machine.clock.settle()
    const stopped = machine.stop()
    await machine.clock.settle()
    letGo()
    await stopped
    await started
    expect(machine.attempts).toBe(2)
    await machine.look(100)
    expect([machine.attempts, machine.open.size]).toEqual([2, 0])
    await machine.stop()
  })

  it('waits with closing for a session that is being closed already', async () => {
    const machine = new Machine({ ...ETH0, ...WLAN0 })
    await machine.start()
    const letGo = machine.stall('-wlan0/IPv4')
    machine.interfaces = ETH0
    await machine.look()
    expect([machine.keys, machine.open.size]).toEqual([['eth0/IPv4'], 2])
    let isStopped = false
    const stopped = machine.stop().then(() => { isStopped = true })
    await machine.clock.settle()
    expect(isStopped).toBe(false)
    letGo()
    await stopped
    expect(machine.log.filter(entry => entry.startsWith('-'))).toHaveLength(2)
  })

  it('opens no more than a bounded number, and counts what it leaves out once', async () => {
    const many = (count: number): Interfaces =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`eth${i}`, [v4(`10.0.${i}.1`)]]))
    const machine = new Machine(many(limits.mdnsInterfaces))
    await machine.start()
    expect([machine.keys.length, machine.dropped]).toEqual([limits.mdnsInterfaces, {}])
    machine.interfaces = many(limits.mdnsInterfaces + 2)
    await machine.look(5)
    expect([machine.keys.length, machine.dropped]).toEqual([limits.mdnsInterfaces, { 'too-many-interfaces': 2 }])
    machine.interfaces = many(limits.mdnsInterfaces + 3)
    await machine.look(5)
    expect(machine.dropped).toEqual({ 'too-many-interfaces': 3 })
    machine.interfaces = Object.fromEntries(Object.entries(machine.interfaces).slice(1))
    await machine.look()
    expect([machine.keys.length, machine.keys.includes(`eth${limits.mdnsInterfaces}/IPv4`)]).toEqual([limits.mdnsInterfaces, true])
    await machine.stop()
  })

  it('has open what there is, after whatever happened', async () => {
    const address = fc.constantFrom(v4('192.168.7.1'), v4('192.168.7.2'), v6('fe80::1'), v6('fd00::1'))
    const name = fc.constantFrom('eth0', 'eth1', 'wlan0', 'lo')
    const interfaces = fc.dictionary(name, fc.uniqueArray(address, { minLength: 1 }), { maxKeys: 4, noNullPrototype: true })
    const key = fc.constantFrom('eth0/IPv4', 'eth0/IPv6', 'eth1/IPv4', 'wlan0/IPv6')
    const step = fc.oneof(
      fc.record({ kind: fc.constant('interfaces' as const), interfaces }),
      fc.record({ kind: fc.constant('look' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constantFrom(...['break', 'mend', 'stall', 'stall close', 'let go'] as const), key })
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, isClosedMidway) => {
      const machine = new Machine(ETH0)
      await machine.start()
      const waiting = new Map<string, () => void>()
      const letGo = (key: string): void => {
        waiting.get(key)?.()
        waiting.delete(key)
        machine.slow.delete(key)
      }
      for (const step of steps) {
        switch (step.kind) {
          case 'interfaces':
            machine.interfaces = step.interfaces
            break
          case 'look':
            await machine.look(step.count)
            break
          case 'break':
            machine.broken.add(step.key)
            break
          case 'mend':
            machine.broken.delete(step.key)
            break
          case 'let go':
            letGo(step.key)
            letGo(`-${step.key}`)
            break
          default: {
            const key = step.kind === 'stall' ? step.key : `-${step.key}`
            letGo(key)
            waiting.set(key, machine.stall(key))
          }
        }
      }
      const stopping = isClosedMidway ? machine.stop() : undefined
      machine.broken.clear()
      for (const key of [...waiting.keys()]) letGo(key)
      if (stopping == null) {
        await machine.look(31) // the longest that a retry may wait, and one
        const expected = new Map(selectLinks(machine.interfaces as Interfaces, RULES).map(link => [link.key, link]))
        expect(new Map([...machine.set.sessions].map(([key, { link }]) => [key, link]))).toEqual(expected)
        expect(machine.open.size).toBe(expected.size)
      }
      await (stopping ?? machine.stop())
      await machine.look(40)
      expect(machine.open.size).toBe(0)
    }), { numRuns: 200 })
  })
})
