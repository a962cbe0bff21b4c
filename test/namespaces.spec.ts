/** The LAN that tests and benchmarks run on: it is one, loses what it should, and leaves nothing. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createLan, whyNoNamespaces, type LanHost } from './support/namespaces.ts'
import { until } from './support/until.ts'

const PACKETS = 400

// Receives what comes to the group, and prints how many when its stdin ends.
const LISTEN = `
  const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true })
  let count = 0
  socket.on('message', () => { count++ })
  socket.bind(5353, () => { socket.addMembership('224.0.0.251', process.argv[1]); console.log('listening') })
  process.stdin.resume().on('end', () => { console.log(count); process.exit() })
`
const SPEAK = `
  const socket = require('node:dgram').createSocket('udp4')
  const send = left => left === 0 ? socket.close() : socket.send('x', 5353, '224.0.0.251', () => send(left - 1))
  send(${PACKETS})
`

/** How many of the packets that the first host multicasts each of the others receives. */
async function received (hosts: readonly LanHost[]): Promise<number[]> {
  const [speaker, ...others] = hosts
  const listeners = others.map(host => host.spawn(process.execPath, ['-e', LISTEN, host.address], { stdio: ['pipe', 'pipe', 'inherit'] }))
  await Promise.all(listeners.map(async ({ stdout }) => once(stdout!, 'data')))
  speaker?.run(process.execPath, ['-e', SPEAK])
  return Promise.all(listeners.map(async ({ stdin, stdout }) => {
    stdin!.end()
    const [count] = await once(stdout!, 'data') as [Buffer]
    return Number(count)
  }))
}

const reason = whyNoNamespaces()
if (reason !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
if (reason !== undefined) console.warn(`skipped, namespaces: ${reason}`)

describe.skipIf(reason !== undefined)('a LAN of namespaces', () => {
  it('carries a multicast to every host, and not to another LAN', async () => {
    const [one, other] = [createLan(3), createLan(1)]
    try {
      expect(await received([...one.hosts, ...other.hosts])).toEqual([PACKETS, PACKETS, 0])
    } finally {
      one.close()
      other.close()
    }
  })

  it('has an IPv6 address on each host at once', () => {
    const lan = createLan(2)
    try {
      for (const host of lan.hosts) expect(host.run('ip', ['-6', 'address', 'show', 'dev', 'eth0'])).toMatch(/inet6 fe80::\S+ scope link(?! tentative)/)
    } finally {
      lan.close()
    }
  })

  it('kills what runs in it, and leaves no namespace', async () => {
    const lan = createLan(1)
    const [host] = lan.hosts
    const child = host!.spawn('sh', ['-c', 'sleep 1000 & echo started; wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout!, 'data')
    const gone = once(child, 'exit')
    const ended = once(child.stdout!, 'end')
    lan.close()
    expect(await gone).toEqual([null, 'SIGKILL'])
    // The grandchild has stdout too: it ends when both are gone.
    await ended
    lan.close()
    expect(execFileSync('ip', ['netns'], { encoding: 'utf8' })).not.toContain(host!.namespace)
  })

  it('is taken away when its process is told to end', async () => {
    const script = `
      import { createLan } from '${new URL('support/namespaces.ts', import.meta.url)}'
      console.log(createLan(1).hosts[0].namespace)
      setInterval(() => {}, 1_000)
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [name] = await once(child.stdout, 'data') as [Buffer]
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await gone).toEqual([null, 'SIGTERM'])
    await until(() => !execFileSync('ip', ['netns'], { encoding: 'utf8' }).includes(String(name).trim()), 'the namespace is gone')
  })
})

function whyNoLoss (): string | undefined {
  if (reason !== undefined) return reason
  const lan = createLan(1)
  try {
    lan.setLoss(0)
  } catch (error) {
    return String(error)
  } finally {
    lan.close()
  }
}

const noLoss = whyNoLoss()
if (noLoss !== undefined && process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${noLoss}`)
if (noLoss !== undefined) console.warn(`skipped, packet loss: ${noLoss}`)

describe.skipIf(noLoss !== undefined)('a LAN that loses packets', () => {
  it('loses the share that was asked for, to each receiver on its own', async () => {
    const lan = createLan(3)
    try {
      lan.setLoss(1)
      expect(await received(lan.hosts)).toEqual([0, 0])
      lan.setLoss(0.5)
      const counts = await received(lan.hosts)
      // Ten standard deviations.
      for (const count of counts) expect(Math.abs(count - PACKETS / 2)).toBeLessThan(10 * Math.sqrt(PACKETS / 4))
      lan.setLoss(0)
      expect(await received(lan.hosts)).toEqual([PACKETS, PACKETS])
    } finally {
      lan.close()
    }
  })
})
