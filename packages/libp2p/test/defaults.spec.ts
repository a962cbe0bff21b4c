import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { addressScope, limits, type ReporterScope } from '@peerweave/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { peerweaveDefaults, policyOf, type DefaultsOptions } from '../src/index.ts'
import { baseOptions, deadAddress, makeCanary, makeNode, makePorts, withPeer } from './nodes.ts'
import { VECTORS } from './vectors.ts'
import type { ConnectionGater, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const makePeer = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

const gaterOf = (options?: DefaultsOptions, own?: ConnectionGater): ConnectionGater =>
  peerweaveDefaults({ ...(own != null && { connectionGater: own }) }, options).connectionGater
const denies = async (gater: ConnectionGater, address: Multiaddr): Promise<boolean> => await gater.denyDialMultiaddr?.(address) === true
const keeps = async (gater: ConnectionGater, peer: PeerId, address: Multiaddr): Promise<boolean> =>
  await gater.filterMultiaddrForPeer?.(peer, address) === true

describe('the gater', () => {
  it.each(VECTORS)('$text is $scope ($why)', async ({ address, scope }) => {
    expect(addressScope(address)).toBe(scope)
    const peer = await makePeer()
    const named = withPeer(address, peer)
    for (const allow of [[], ['private'], ['loopback', 'link-local', 'private']] as const) {
      const gater = gaterOf({ allow })
      const isAllowed = scope === 'public' || (allow as readonly string[]).includes(scope)
      expect(await denies(gater, address)).toBe(!isAllowed)
      expect(await denies(gater, named)).toBe(!isAllowed)

      const policy = policyOf(gater)
      if (policy == null) throw new Error('no policy')
      expect(await keeps(gater, peer, address)).toBe(scope !== 'never') // nobody has said yet who we are
      policy.self = await makePeer()
      expect(await keeps(gater, peer, address)).toBe(isAllowed)
      expect(await keeps(gater, policy.self, address)).toBe(true)

      policy.vet(address, peer)
      expect(await denies(gater, named)).toBe(scope === 'never')
      expect(await keeps(gater, peer, address)).toBe(scope !== 'never')
      expect(await denies(gater, withPeer(address, policy.self))).toBe(!isAllowed) // vetted for one peer is not for another
    }
  })

  it('lets no address through that is not public, whatever its bytes', async () => {
    const gater = gaterOf()
    const ip4 = fc.ipV4().map(ip => `/ip4/${ip}`)
    const embedded = fc.tuple(fc.constantFrom('::ffff:', '64:ff9b::', '64:ff9b:1::', '::'), fc.ipV4())
      .map(([prefix, ip]) => `/ip6/${prefix}${ip}`)
    const ip6 = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
      .map(words => `/ip6/${words.map(word => word.toString(16)).join(':')}`)
    const transport = fc.tuple(fc.constantFrom('tcp', 'udp'), fc.integer({ min: 0, max: 65_535 })).map(parts => parts.join('/'))
    await fc.assert(fc.asyncProperty(fc.oneof(ip4, embedded, ip6), transport, async (host, transport) => {
      const address = multiaddr(`${host}/${transport}`)
      expect(await denies(gater, address)).toBe(addressScope(address) !== 'public')
    }), { numRuns: 500 })
  })

  it('judges a name by all that it resolves to, and denies one that does not', async () => {
    const zone: Record<string, string[]> = {
      'good.example.org': ['8.8.8.8'],
      'mixed.example.org': ['8.8.8.8', '127.0.0.1'],
      'bad.example.org': ['169.254.169.254']
    }
    const resolveName = async (name: string): Promise<string[]> => {
      const ips = zone[name]
      if (ips == null) throw new Error('no such name')
      return ips
    }
    const denied = async (name: string, options?: DefaultsOptions): Promise<boolean> =>
      await denies(gaterOf({ resolveName, ...options }), multiaddr(`/dns4/${name}/tcp/4001`))
    expect(await denied('good.example.org')).toBe(false)
    expect(await denied('mixed.example.org')).toBe(true)
    expect(await denied('mixed.example.org', { allow: ['loopback'] })).toBe(false)
    expect(await denied('bad.example.org', { allow: ['loopback', 'link-local', 'private'] })).toBe(true)
    expect(await denied('gone.example.org')).toBe(true)
  })

  it('judges a name that TLS needs, and one in /sni, since the transport dials that one', async () => {
    const gater = gaterOf({ resolveName: async name => name === 'good.example.org' ? ['8.8.8.8'] : ['127.0.0.1'] })
    expect(await denies(gater, multiaddr('/dns4/good.example.org/tcp/443/wss'))).toBe(false)
    expect(await denies(gater, multiaddr('/dns4/bad.example.org/tcp/443/tls/ws'))).toBe(true)
    expect(await denies(gater, multiaddr('/ip4/8.8.8.8/tcp/443/tls/sni/good.example.org/ws'))).toBe(false)
    expect(await denies(gater, multiaddr('/ip4/8.8.8.8/tcp/443/tls/sni/bad.example.org/ws'))).toBe(true)
  })

  it.each<[ReporterScope, string[]]>([
    ['public', ['8.8.8.8']],
    ['private', ['8.8.8.8', '192.168.1.2']],
    ['loopback', ['8.8.8.8', '192.168.1.2', '127.0.0.1']],
    ['configured', ['8.8.8.8', '192.168.1.2', '127.0.0.1']]
  ])('lets a name that was vetted on a %s word lead to %j and no nearer', async (reporter, reached) => {
    const peer = await makePeer()
    let answer = ''
    const given = peerweaveDefaults({}, { resolveName: async (_name, type) => type === 'A' ? [answer] : [] })
    const { connectionGater: gater, connectionManager: { resolvers } } = given
    const [plain, secure] = ['/dns4/h.example.org/tcp/443', '/dns4/h.example.org/tcp/443/tls/ws'].map(text => multiaddr(text)) as [Multiaddr, Multiaddr]
    for (const name of [plain, secure]) {
      policyOf(gater)?.vet(name, peer, reporter)
      policyOf(gater)?.vet(name, peer, 'public') // a later word of somebody else takes nothing away
    }
    const isReached = async (ip: string): Promise<boolean[]> => {
      answer = ip
      const [literal] = await resolvers['peerweave:names']!.resolve(plain, {} as never)
      return await Promise.all([literal!, secure].map(async address => !await denies(gater, withPeer(address, peer))))
    }
    for (const ip of ['8.8.8.8', '192.168.1.2', '127.0.0.1', '169.254.169.254']) {
      const isOne = reached.includes(ip)
      expect(await isReached(ip), ip).toEqual([isOne, isOne])
    }
  })

  it('asks no DNS server when a stranger\'s name is only remembered', async () => {
    let asked = 0
    const gater = gaterOf({ resolveName: async () => { asked++; return [] } })
    expect(await keeps(gater, await makePeer(), multiaddr('/dns4/evil.example.org/tcp/4001'))).toBe(true)
    expect(asked).toBe(0)
  })

  it('forgets the oldest vetted address when there are too many', async () => {
    const gater = gaterOf()
    const policy = policyOf(gater)
    const nth = (i: number): Multiaddr => multiaddr(`/ip4/10.0.${i >> 8}.${i & 255}/tcp/4001`)
    for (let i = 0; i <= limits.vettedAddresses; i++) policy?.vet(nth(i))
    expect(await denies(gater, nth(0))).toBe(true)
    expect(await denies(gater, nth(1))).toBe(false)
  })

  it('knows the way to a relay whose relayed address was vetted', async () => {
    const [relay, peer] = [await makePeer(), await makePeer()]
    const gater = gaterOf()
    policyOf(gater)?.vet(multiaddr(`/ip4/192.168.1.2/tcp/4001/p2p/${relay}/p2p-circuit/p2p/${peer}`))
    expect(await denies(gater, multiaddr(`/ip4/192.168.1.2/tcp/4001/p2p/${relay}`))).toBe(false)
    expect(await denies(gater, multiaddr(`/ip4/192.168.1.2/tcp/4001/p2p/${peer}`))).toBe(true)
  })

  it('and the user\'s own must both allow, and the user\'s other hooks are called on the user\'s object', async () => {
    class OwnGater {
      readonly #denied = '/ip4/8.8.4.4/tcp/4001'
      denyDialMultiaddr (address: Multiaddr): boolean { return address.toString() === this.#denied }
      filterMultiaddrForPeer (_peer: PeerId, address: Multiaddr): boolean { return address.toString() !== this.#denied }
      denyDialPeer (): boolean { return this.#denied.length > 0 }
    }
    const gater = gaterOf({}, new OwnGater())
    const peer = await makePeer()
    expect(await denies(gater, multiaddr('/ip4/8.8.4.4/tcp/4001'))).toBe(true)
    expect(await denies(gater, multiaddr('/ip4/8.8.8.8/tcp/4001'))).toBe(false)
    expect(await denies(gater, multiaddr('/ip4/127.0.0.1/tcp/4001'))).toBe(true)
    const { filterMultiaddrForPeer } = gater // libp2p takes the hook off the object
    expect(await filterMultiaddrForPeer?.(peer, multiaddr('/ip4/8.8.4.4/tcp/4001'))).toBe(false)
    expect(await gater.denyDialPeer?.(peer)).toBe(true)
    expect('denyInboundConnection' in gater).toBe(false)
  })
})

describe('peerweaveDefaults', () => {
  it('completes what the user left out and keeps what the user set, inside each group', () => {
    const services = {}
    const options = peerweaveDefaults({ services, connectionManager: { maxConnections: 7, dialTimeout: 1 }, peerStore: { maxPeerAge: 5 } })
    expect(options.services).toBe(services)
    expect(options.connectionManager).toMatchObject({
      maxConnections: 7,
      dialTimeout: 1,
      maxIncomingPendingConnections: limits.pendingConnections,
      inboundUpgradeTimeout: limits.upgradeTimeout
    })
    expect(options.peerStore).toMatchObject({ maxAddressAge: Infinity, maxPeerAge: 5 })
    expect(peerweaveDefaults().connectionManager).toMatchObject({ dialTimeout: limits.dialTimeout, addressDialTimeout: limits.dialTimeoutMax })
    expect(peerweaveDefaults().peerStore.maxPeerAge).toBe(3 * 24 * 3_600_000)
  })

  it('asks a user\'s address filter beside ours, since libp2p would ask only that one', async () => {
    const addressFilter = (_peer: PeerId, address: Multiaddr): boolean => !address.toString().includes('8.8.4.4')
    const { peerStore } = peerweaveDefaults({ peerStore: { addressFilter } })
    const filter = async (text: string): Promise<boolean | undefined> => await peerStore.addressFilter?.(await makePeer(), multiaddr(text))
    expect(await filter('/ip4/8.8.8.8/tcp/4001')).toBe(true)
    expect(await filter('/ip4/8.8.4.4/tcp/4001')).toBe(false)
    expect(await filter('/unix/%2Ftmp%2Fsocket')).toBe(false)
  })

  it('keeps the order of a list, certified addresses before others', () => {
    const { connectionManager: { addressSorter } } = peerweaveDefaults()
    const given = ['/ip4/10.0.0.1/tcp/1', '/ip4/8.8.8.8/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip4/9.9.9.9/tcp/1']
      .map((text, i) => ({ multiaddr: multiaddr(text), isCertified: i > 1 }))
    expect(given.toSorted(addressSorter).map(address => given.indexOf(address))).toEqual([2, 3, 0, 1])
  })

  it('refuses a scope that cannot be allowed', () => {
    expect(() => peerweaveDefaults({}, { allow: ['never' as 'private'] })).toThrow(TypeError)
  })
})

describe('a node with these defaults', () => {
  const hardened = () => peerweaveDefaults(baseOptions())

  it('is not made to dial a loopback service by what a stranger claims, as a plain node is', async () => {
    const canary = await makeCanary()
    const victim = await makePeer()
    for (const [options, connects] of [[hardened(), 0], [baseOptions(), 1]] as const) {
      const { node, components } = await makePorts(options)
      await components.peerStore.merge(victim, { multiaddrs: [canary.address] })
      const dial = node.dial(victim, { signal: AbortSignal.timeout(500) }).catch(error => error)
      if (connects > 0) canary.hangUp()
      expect(await dial).toBeInstanceOf(Error)
      expect(canary.connects()).toBe(connects)
    }
  })

  it('dials what its host port is asked to, remembers it, and dials it by id from then on', async () => {
    const [a, b] = [await makePorts(hardened()), await makeNode(hardened())]
    await expect(a.node.dial(b.address)).rejects.toMatchObject({ name: 'DialDeniedError' })
    await a.ports.host.dial([b.address.decapsulateCode(421)])
    await a.ports.host.close(b.node.peerId)
    expect((await a.node.dial(b.node.peerId)).remoteAddr.equals(b.address)).toBe(true)
  })

  it('dials a configured name that resolves to loopback, and no other', async () => {
    const [a, b] = [await makePorts(hardened()), await makeNode(hardened())]
    const target = multiaddr(b.address.toString().replace('/ip4/127.0.0.1', '/dns4/localhost'))
    await expect(a.ports.host.dial([target])).rejects.toMatchObject({ name: 'NetworkError' })
    await expect(a.node.dial(target)).rejects.toMatchObject({ name: 'DialDeniedError' })
    expect((await a.ports.host.dial([target], { reporter: 'configured' })).remoteAddr.equals(b.address)).toBe(true)
  })

  it.each(['dns4', 'dns'])('dials the address of a /%s name that was judged, whatever the name stands for at the next look-up', async host => {
    const canary = await makeCanary()
    // The gate hears 127.0.0.2, where nobody is; the system, which the transport would ask, says 127.0.0.1.
    const options = peerweaveDefaults(baseOptions(), { allow: ['loopback'], resolveName: async (_name, type) => type === 'A' ? ['127.0.0.2'] : [] })
    const { node } = await makeNode(options)
    await expect(node.dial(multiaddr(`/${host}/localhost/tcp/${canary.port}`), { signal: AbortSignal.timeout(2_000) })).rejects.toBeInstanceOf(Error)
    expect(canary.connects()).toBe(0)
  })

  it('dials no name from its address book whose answer is not public, and dials it once it was vetted for that peer', async () => {
    const [a, b] = [await makePorts(hardened()), await makeNode(hardened())]
    const name = multiaddr(b.address.toString().replace('/ip4/127.0.0.1', '/dns4/localhost')).decapsulateCode(421)
    await a.components.peerStore.merge(b.node.peerId, { multiaddrs: [name] })
    await expect(a.node.dial(b.node.peerId)).rejects.toMatchObject({ name: 'DialDeniedError' })
    policyOf(a.components.connectionGater)?.vet(name, await makePeer())
    await expect(a.node.dial(b.node.peerId)).rejects.toMatchObject({ name: 'DialDeniedError' })
    policyOf(a.components.connectionGater)?.vet(name, b.node.peerId)
    expect((await a.node.dial(b.node.peerId)).remoteAddr.equals(b.address)).toBe(true)
  })

  it('reaches a literal address beside a name that does not resolve', async () => {
    const options = peerweaveDefaults(baseOptions(), { allow: ['loopback'], resolveName: async () => { throw new Error('no such name') } })
    const [a, b] = [await makeNode(options), await makeNode(hardened())]
    const gone = withPeer(multiaddr('/dns4/gone.example.org/tcp/1'), b.node.peerId)
    expect((await a.node.dial([gone, b.address])).remoteAddr.equals(b.address)).toBe(true)
  })

  it('asks a resolver of the user\'s beside ours, and judges what it says', async () => {
    const canary = await makeCanary()
    const theirs = { canResolve: (address: Multiaddr) => address.toString().includes('/dns4/'), resolve: async () => [canary.address] }
    const resolved: string[] = []
    const { node } = await makeNode(peerweaveDefaults({
      ...baseOptions(), connectionManager: { resolvers: { names: theirs } }
    }, { resolveName: async name => { resolved.push(name); return [] } }))
    await expect(node.dial(multiaddr('/dns4/h.example.org/tcp/1'))).rejects.toMatchObject({ name: 'DialDeniedError' })
    expect([resolved, canary.connects()]).toEqual([['h.example.org'], 0])
  })

  it('keeps its own addresses in its own entry, and no such address of a stranger', async () => {
    const { node, components, address } = await makePorts(hardened())
    const stranger = await makePeer()
    for (const peer of [node.peerId, stranger]) await components.peerStore.merge(peer, { multiaddrs: [address.decapsulateCode(421)] })
    expect((await components.peerStore.get(node.peerId)).addresses).toHaveLength(1)
    expect((await components.peerStore.get(stranger)).addresses).toEqual([])
  })

  it('forgets no vetting when a dial fails', async () => {
    const { ports, components } = await makePorts(hardened())
    const dead = await deadAddress()
    await expect(ports.host.dial([dead])).rejects.toMatchObject({ name: 'NetworkError', cause: { name: expect.not.stringContaining('DialDenied') } })
    expect(policyOf(components.connectionGater)?.permits(dead)).toBe(true)
  })
})
