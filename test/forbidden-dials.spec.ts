/**
 * Strangers who tell a node of addresses that it must not dial on their word, by every mechanism, as literals and behind
 * names that change their mind: with `peerweaveDefaults()` nothing listens in vain. In a network namespace that owns every
 * one of these addresses, with a canary at each; the strangers are on another host, with public addresses.
 *
 * The same node without the defaults, in the same surroundings, shows that the canaries would have been hit.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { addressScope, ipScope } from '@peerweave/interface'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startChild, type Child } from '../packages/mdns/test/realnet/child.ts'
import { whyNotHere } from '../packages/mdns/test/realnet/needs.ts'
import {
  hostsBehind, ipOf, KINDS, portOf, PUBLIC_NETS, SOURCES, toldBy, VECTORS, type SourceName, type Told
} from './support/forbidden-vectors.ts'
import { createLan, type Lan, type LanHost } from './support/namespaces.ts'
import { until } from './support/until.ts'
import type { VictimOptions, VictimState } from './support/forbidden-victim-main.ts'

/** How long what must happen may take, ms, and a test of it all. */
const PATIENCE = 30_000
const TIMEOUT = 120_000

const VICTIM = '45.83.0.1'
/** The first one answers DNS and is on the victim's link. */
const STRANGERS = ['45.83.0.2', '51.15.0.2', '62.4.0.2', '80.67.0.2', '91.198.0.2']
const SITE = '10.77.0.2'

/**
 * Of these nothing can be made to listen at: multicast and broadcast take no connections. They are told of all the same.
 */
const DEAF = ['224.0.0.251', '255.255.255.255', 'ff02::fb']

const reason = whyNotHere('forbidden dials')
const main = (name: string): string => new URL(`support/forbidden-${name}-main.ts`, import.meta.url).href

/** With a name server of our own: `ip netns exec` gives each command its own mounts. */
function withResolver (host: LanHost, file: string): LanHost {
  return {
    namespace: host.namespace,
    address: host.address,
    run: (command, args) => host.run(command, args),
    spawn: (command, args, options) =>
      host.spawn('sh', ['-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', file, command, ...args], options)
  }
}

/** What was hit, by the source on whose word; public addresses apart, which are anybody's to tell of. */
interface Hits {
  forbidden: Map<SourceName, string[]>
  public: Set<SourceName>
}

function sorted (hits: Record<string, number>): Hits {
  const result: Hits = { forbidden: new Map(), public: new Set() }
  for (const hit of Object.keys(hits)) {
    const [, port = '', address = ''] = hit.split(' ')
    const source = SOURCES.find(source => portOf(source) === Number(port))!
    if (ipScope(address) === 'public') result.public.add(source)
    else result.forbidden.set(source, [...result.forbidden.get(source) ?? [], hit])
  }
  return result
}

/** Loopback only from loopback, a site's only from the site: from there an address of the site, or of the link, is no lie. */
function isExempt (source: SourceName, address: string): boolean {
  return source === 'site' && ['private', 'link-local'].includes(ipScope(address))
}

function holes ({ forbidden }: Hits): string[] {
  return [...forbidden].flatMap(([source, hits]) => hits
    .filter(hit => !isExempt(source, hit.split(' ')[2] ?? ''))
    .map(hit => `${source}: ${hit}`))
}

/** To be compared: as its bytes spell it, and without the zone, which is the hearer's own name for a link. */
function plain (address: string): string {
  return multiaddr(multiaddr(address).bytes).toString().replace(/^\/ip6zone\/[^/]+/, '')
}

/** Who told a mechanism of something. */
const TOLD_TO: Record<string, SourceName[]> = {
  dht: ['dht'], kad: ['kad'], mdns: ['mdns', 'site'], gossip: ['gossip'], bootstrap: ['bootstrap'], dns: ['dns'], probe: ['probe']
}

// Over half a minute: in the tiers from ci on.
describe.skipIf(reason !== undefined || process.env.PEERWEAVE_TIER == null)('a node that strangers tell of forbidden addresses', () => {
  const told = new Map<SourceName, Told[]>()
  /** Addresses as a socket spells them, at which a connection is noticed. */
  let armed: string[] = []
  let folder: string
  let lan: Lan
  let here: LanHost
  let there: LanHost
  let canary: Child<never>
  let strangers: Child<never>
  let seeds: string[] = []

  const startStrangers = async (): Promise<void> => {
    strangers = startChild<never>(there, main('stranger'))
    seeds = await strangers.ask<string[]>('start', STRANGERS, SITE, folder)
  }
  /** A node that is told everything. */
  const startVictim = async (
    isHardened: boolean, home: VictimOptions['home'], hasAppDht: boolean, store = 'none'
  ): Promise<Child<never>> => {
    const victim = startChild<never>(withResolver(here, join(folder, 'resolv.conf')), main('victim'))
    onTestFinished(() => victim.kill())
    const endpoints = told.get('probe')!.flatMap(({ addresses }) => addresses)
    const options: VictimOptions = { isHardened, host: VICTIM, folder: join(folder, store), seeds, endpoints, home, hasAppDht }
    await victim.ask('start', options)
    if (home === 'alone') return victim
    await until(async () => await strangers.ask<number>('subscribers') === 1, 'gossip has a listener', 10_000)
    await strangers.ask('say', folder)
    return victim
  }
  const hits = async (command: 'hits' | 'take' = 'hits'): Promise<Hits> => sorted(await canary.ask<Record<string, number>>(command))
  const toDial = async (): Promise<Array<{ id: string, addresses: readonly string[] }>> => {
    const all = await Promise.all(SOURCES.map(async source => await toldBy(source, folder, KINDS)))
    return all.flat().map(({ peerId, addresses }) => ({ id: peerId.toString(), addresses }))
  }
  /** One of each kind and source. */
  const samples = (): string[] => [...told.values()].flatMap(peers =>
    (['public', 'names', 'literals'] as const).map(kind => peers.find(({ what }) => what === kind)!.peerId.toString()))

  /** What no mechanism has heard or turned away yet. */
  const unheard = ({ heard, dropped }: VictimState): string[] => Object.entries(heard).flatMap(([mechanism, addresses]) => {
    const known = new Set(addresses.map(plain))
    // Names in a zone are looked up there.
    const formsOf = (address: string): string[] => mechanism === 'dns' ? [address, ...leadsTo(address)] : [address]
    const all = TOLD_TO[mechanism]!.flatMap(source => told.get(source)!.flatMap(({ addresses }) => addresses))
    const missing = all.filter(address => !formsOf(address).some(form => known.has(plain(form))))
    const areLiterals = missing.every(address => addressScope(multiaddr(address)) !== 'name')
    return areLiterals && missing.length <= (dropped[mechanism]?.['address-not-theirs'] ?? 0) ? [] : missing
  })
  const isDone = async (victim: Child<never>): Promise<void> => {
    let missing: string[] = []
    await until(async () => {
      missing = unheard(await victim.ask<VictimState>('state'))
      return missing.length === 0
    }, 'everything is heard', PATIENCE).catch((error: unknown) => { throw new Error(`${String(error)}: ${missing.join(' ')}`) })
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-forbidden-'))
    for (const source of SOURCES) told.set(source, await toldBy(source, folder))
    writeFileSync(join(folder, 'resolv.conf'), `nameserver ${STRANGERS[0]}\noptions timeout:2 attempts:2\n`)
    lan = createLan(2)
    ;[here, there] = lan.hosts as [LanHost, LanHost]
    const ips = [...new Set(VECTORS.map(([host]) => ipOf(host)))].filter(ip => !ip.startsWith('::ffff:') || ip.includes(':0:'))
    const own = [...ips.filter(ip => !['0.0.0.0', '::'].includes(ip)), ...PUBLIC_NETS]
    here.run('sh', ['-ec', [
      `ip address add ${VICTIM}/24 dev eth0`,
      'ip address add fe80::99/64 dev eth0',
      `ip route add default dev eth0 src ${VICTIM}`,
      ...own.map(ip => `ip ${ip.includes(':') ? '-6 ' : ''}route replace local ${ip} dev lo`)
    ].join('\n')])
    there.run('sh', ['-ec', [...STRANGERS.map(ip => `ip address add ${ip}/24 dev eth0`), 'ip route add default dev eth0'].join('\n')])
    canary = startChild<never>(here, main('canary'))
    await canary.ask('open', folder)
    await startStrangers()
  }, 30_000)

  afterAll(() => {
    lan?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('stands in surroundings where each of them would be noticed', async () => {
    expect(VECTORS.length).toBeGreaterThanOrEqual(60)
    for (const [host, why] of VECTORS) expect(['public', 'name'], why).not.toContain(addressScope(multiaddr(`${host}/tcp/4001`)))
    const hosts = VECTORS.map(([host]) => host.startsWith('/ip6zone/eth0/ip6/fe80') ? `${ipOf(host)}%eth0` : ipOf(host))
    expect(await canary.ask<string[]>('deafTo', hosts, portOf('dht'))).toEqual(DEAF)
    armed = (await hits('take')).forbidden.get('dht')!.map(hit => hit.split(' ')[2]!).sort()
    // Some are one place: those of an IPv4 address that is mapped, and of none at all.
    expect(armed.length).toBeGreaterThanOrEqual(50)
  })

  // Without a DHT of the app's, which asks `multi` to find each of whom it is told; that one is in the next test.
  it('dials none of them with peerweaveDefaults(), whoever tells, whatever names lead to, after a restart too', async () => {
    const victim = await startVictim(true, 'multi', false, 'kept')
    await isDone(victim)
    const expected = SOURCES.filter(source => source !== 'identify' && source !== 'kad')
    let seen = await hits()
    await until(async () => {
      seen = await hits()
      return expected.every(source => seen.public.has(source))
    }, 'every source had a public address of its own dialled', PATIENCE)
    expect(holes(seen)).toEqual([])

    // Each was turned away for what it is, and none is in the view.
    const { heard, refusals } = await victim.ask<VictimState>('state')
    for (const [mechanism, addresses] of Object.entries(heard)) {
      const forbidden = addresses.filter(text => {
        const scope = addressScope(multiaddr(text))
        return scope !== 'public' && scope !== 'name' && !text.includes(`/${portOf('site')}`)
      })
      expect(refusals[mechanism]?.['address-scope'] ?? 0, mechanism).toBeGreaterThanOrEqual(forbidden.length)
    }
    const ofSite = new Set(told.get('site')!.map(({ peerId }) => peerId.toString()))
    for (const [id, addresses] of Object.entries(await victim.ask<Record<string, string[]>>('view'))) {
      const allowed = ofSite.has(id) ? ['public', 'name', 'private', 'link-local'] : ['public', 'name']
      for (const address of addresses) expect(allowed, address).toContain(addressScope(multiaddr(address)))
    }
    const [lie] = told.get('gossip')!.filter(({ what }) => what === 'literals')
    const explained = await victim.ask<{ state: string, refusals: Array<{ reason: string }> }>('explain', lie!.peerId.toString())
    expect(explained.state).toBe('refused')
    expect(explained.refusals.map(({ reason }) => reason)).toContain('address-scope')

    expect(await victim.ask<number>('dialAll', await toDial())).toBeGreaterThan(2_000)
    await victim.ask('dialById', samples())
    // What the strangers said of themselves to libp2p is all that is left of them.
    await strangers.ask('hangUp')
    await victim.ask('dialById', seeds.map(seed => seed.replace(/.*\/p2p\//, '')))
    await victim.ask('stop')
    expect(holes(await hits('take'))).toEqual([])

    const again = await startVictim(true, 'alone', false, 'kept')
    await until(async () => (await hits()).public.size > 0, 'somebody of the earlier run is dialled', PATIENCE)
    await again.ask('dialById', samples())
    await again.ask('stop')
    expect(holes(await hits('take'))).toEqual([])
  }, TIMEOUT)

  it('dials none of them where each mechanism is a service of libp2p', async () => {
    strangers.kill()
    await startStrangers()
    const victim = await startVictim(true, 'services', true)
    const isTold = async (): Promise<boolean> => {
      const discovered = new Set(await victim.ask<string[]>('discovered'))
      return Object.values(TOLD_TO).flat().filter(source => source !== 'probe')
        .every(source => told.get(source)!.every(({ peerId, what }) => what === 'literals' || discovered.has(peerId.toString())))
    }
    await until(isTold, 'libp2p is told of everybody', PATIENCE)
    await victim.ask('dialAll', await toDial())
    await victim.ask('dialById', samples())
    await victim.ask('stop')
    const seen = await hits('take')
    expect(holes(seen)).toEqual([])
    expect([...seen.public].sort()).toEqual([...SOURCES].sort())
  }, TIMEOUT)

  it('dials all of them without peerweaveDefaults(), by whomever it is told', async () => {
    const victim = await startVictim(false, 'multi', true, 'plain')
    await isDone(victim)
    const byItself = await hits()
    await victim.ask('dialAll', await toDial())
    await strangers.ask('hangUp')
    await victim.ask('dialById', seeds.map(seed => seed.replace(/.*\/p2p\//, '')))
    await victim.ask('stop')
    const { forbidden } = await hits('take')
    for (const source of SOURCES) {
      const places = (forbidden.get(source) ?? []).filter(hit => hit.startsWith('tcp ')).map(hit => hit.split(' ')[2]!)
      expect(places.sort(), source).toEqual(armed)
    }
    const counts = (of: Hits['forbidden']): string => SOURCES.map(source => `${source} ${of.get(source)?.length ?? 0}`).join(', ')
    const [all, early] = [forbidden, byItself.forbidden].map(counts)
    console.log(`forbidden canaries hit without peerweaveDefaults(): ${all}; of these before the app dialled: ${early}; with them: 0`)
  }, TIMEOUT)
})

/** Where a zone's reader finds that a name leads. */
function leadsTo (address: string): string[] {
  const [, , name = '', ...rest] = address.split('/')
  const behind = hostsBehind(name)
  if (behind == null) return []
  return [behind.decoy, behind.forbidden].map(ip => `/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}/${rest.join('/')}`)
}
