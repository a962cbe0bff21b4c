import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { limits, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { cleanUp, deadAddress, makeCanary, makePair, makePorts, withPeer } from './nodes.ts'
import type { HostConnection, Identified } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'

const stranger = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

describe('what the host knows', () => {
  it('has the node\'s id and addresses, and signs with its key', async () => {
    const { node, components, address, ports: { host } } = await makePorts()
    expect(host.self.equals(node.peerId)).toBe(true)
    expect(host.addresses().map(String)).toEqual([address.toString()])
    const data = new TextEncoder().encode('signed by the node')
    expect(await components.privateKey.publicKey.verify(data, await host.signer.sign(data))).toBe(true)
    expect(host.signer.peerId.equals(node.peerId)).toBe(true)
  })

  it('tells of connections, of identify with the envelope as signed, and of the last disconnect', async () => {
    const a = await makePorts()
    const b = await makePorts()
    const heard: string[] = []
    let identified: Identified | undefined
    a.ports.host.events.addEventListener('connect', ({ detail }) => heard.push(`connect ${detail.direction} ${detail.peer}`))
    a.ports.host.events.addEventListener('disconnect', ({ detail }) => heard.push(`disconnect ${detail}`))
    a.ports.host.events.addEventListener('identify', ({ detail }) => { identified = detail })

    await b.ports.host.dial([a.address])
    await until(() => identified != null)
    expect(identified?.peer.equals(b.node.peerId)).toBe(true)
    expect(identified?.listenAddrs.map(String)).toEqual([b.address.decapsulateCode(421).toString()])
    const stored = await a.components.peerStore.get(b.node.peerId)
    expect(identified?.envelope).toEqual(stored.peerRecordEnvelope)
    expect(identified?.envelope?.length).toBeGreaterThan(100)
    expect(a.ports.host.connections().map(({ direction, limited }) => ({ direction, limited }))).toEqual([{ direction: 'inbound', limited: false }])

    await a.ports.host.close(b.node.peerId, 'test')
    await until(() => heard.length === 2)
    expect(heard).toEqual([`connect inbound ${b.node.peerId}`, `disconnect ${b.node.peerId}`])
    expect(a.ports.host.connections()).toEqual([])
  })

  it('tells of addresses only when they have changed', async () => {
    const { node, components, ports: { host } } = await makePorts({ start: false })
    const told: string[] = []
    host.events.addEventListener('addresses', ({ detail }) => { told.push(detail.join()) })
    let updates = 0
    components.events.addEventListener('self:peer:update', () => { updates++ })
    expect(host.addresses()).toEqual([])
    await node.start()
    await until(() => told.length > 0 && updates > 1)
    expect(told).toEqual([host.addresses().join()])
    expect(told[0]).toContain('/ip4/127.0.0.1/tcp/')
  })
})

describe('which targets dial takes', () => {
  it.each([
    ['none', (): Multiaddr[] => []],
    ['more than one dial may try', (): Multiaddr[] =>
      Array.from({ length: limits.addressesPerDial + 1 }, (_, i) => multiaddr(`/ip4/127.0.0.1/tcp/${i + 1}`))]
  ])('refuses %s', async (_, targets) => {
    const { ports } = await makePorts()
    await expect(ports.host.dial(targets())).rejects.toThrow(TypeError)
  })

  it('refuses mixed ids, ids beside none, a bare id, and ourselves, without dialling', async () => {
    const { node, address, ports } = await makePorts()
    const canary = await makeCanary()
    const [one, two] = [await stranger(), await stranger()]
    for (const targets of [
      [withPeer(canary.address, one), withPeer(canary.address, two)],
      [withPeer(canary.address, one), canary.address],
      [multiaddr(`/p2p/${one}`)],
      [withPeer(canary.address, one), multiaddr(`/p2p/${one}`)],
      [withPeer(canary.address, node.peerId)],
      [address]
    ]) {
      await expect(ports.host.dial(targets)).rejects.toThrow(TypeError)
    }
    expect(canary.connects()).toBe(0)
  })

  it('never tries an address that only the peer store knows', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    await a.components.peerStore.merge(b.node.peerId, { multiaddrs: [b.address] })
    const dead = await deadAddress()
    await expect(a.ports.host.dial([withPeer(dead, b.node.peerId)])).rejects.toMatchObject({ name: 'NetworkError' })
    expect(a.ports.host.connections()).toEqual([])
  })

  it('never dials what is on no network', async () => {
    const { ports } = await makePorts()
    await expect(ports.host.dial([multiaddr('/unix/%2Ftmp%2Fsocket'), multiaddr('/ip4/0.0.0.0/tcp/4001')]))
      .rejects.toMatchObject({ name: 'NetworkError', message: expect.stringContaining('policy') })
  })
})

describe('what a dial ends in', () => {
  it('is a connection to the peer at the address given, with an id or without', async () => {
    const [a, b, c] = [await makePorts(), await makePorts(), await makePorts()]
    const toB = await a.ports.host.dial([b.address])
    expect(toB).toMatchObject({ direction: 'outbound', limited: false })
    expect(toB.peer.equals(b.node.peerId)).toBe(true)
    const toC = await a.ports.host.dial([c.address.decapsulateCode(421)])
    expect(toC.peer.equals(c.node.peerId)).toBe(true)
  })

  it('is the connection that is open already, whatever the list says', async () => {
    const [a, b] = await makePair()
    const again = await a.ports.host.dial([withPeer(await deadAddress(), b.node.peerId)])
    expect(again.remoteAddr.equals(b.address)).toBe(true)
    // Not even a name is looked up for it: this one would end in an error.
    const named = await a.ports.host.dial([multiaddr(`/dns4/gone.example.org/tcp/1/p2p/${b.node.peerId}`)])
    expect(named.remoteAddr.equals(b.address)).toBe(true)
    expect(a.node.getConnections()).toHaveLength(1)
  })

  it('is the next address when one is dead', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    const connection = await a.ports.host.dial([withPeer(await deadAddress(), b.node.peerId), b.address])
    expect(connection.remoteAddr.equals(b.address)).toBe(true)
  })

  it('is a NetworkError that names the addresses and the cause when nobody answers', async () => {
    const { ports } = await makePorts()
    const dead = await deadAddress()
    const error = await ports.host.dial([dead]).catch(error => error)
    expect(error).toMatchObject({ name: 'NetworkError', code: 'ERR_NETWORK', message: expect.stringContaining(dead.toString()) })
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('is an UnauthenticatedError when somebody else answers', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    const error = await a.ports.host.dial([withPeer(b.address, await stranger())]).catch(error => error)
    expect(error).toMatchObject({ name: 'UnauthenticatedError', cause: { name: 'EncryptionFailedError' } })
    expect(a.ports.host.connections()).toEqual([])
  })

  it('accuses nobody when the other side hangs up in the handshake', async () => {
    const { ports } = await makePorts()
    const { createServer } = await import('node:net')
    const rude = createServer(socket => socket.on('error', () => {}).end())
    await new Promise<void>(resolve => rude.listen(0, '127.0.0.1', resolve))
    cleanUp(() => rude.close())
    const { port } = rude.address() as { port: number }
    await expect(ports.host.dial([multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${await stranger()}`)])).rejects.toMatchObject({ name: 'NetworkError' })
  })

  it('is over after the dial timeout of the clock that was given', async () => {
    const clock = virtualClock()
    const { ports } = await makePorts({}, { clock })
    const canary = await makeCanary()
    const dial = ports.host.dial([canary.address]).catch(error => error)
    await until(() => canary.connects() === 1)
    await clock.advance(limits.dialTimeout)
    expect(await dial).toMatchObject({ name: 'NetworkError', cause: { name: 'TimeoutError' } })
    expect(clock.pending).toBe(0)
  })

  it('has the time that the caller gives it, and no more than there may be', async () => {
    const clock = virtualClock()
    const { ports } = await makePorts({}, { clock })
    const canary = await makeCanary()
    const timeout = 3 * limits.dialTimeout
    let isOver = false
    const dial = ports.host.dial([canary.address], { timeout }).catch(error => error).finally(() => { isOver = true })
    await until(() => canary.connects() === 1)
    await clock.advance(timeout - 1)
    expect(isOver).toBe(false)
    await clock.advance(1)
    expect(await dial).toMatchObject({ name: 'NetworkError', cause: { name: 'TimeoutError' } })
    await expect(ports.host.dial([canary.address], { timeout: limits.dialTimeoutMax + 1 })).rejects.toThrow(/timeout must be/)
    expect(clock.pending).toBe(0)
  })

  it('is the next address when one is silent, before the time is over', async () => {
    const clock = virtualClock()
    // Without libp2p's own bound on one address, which runs on the platform's clock.
    const patient = { connectionManager: { addressDialTimeout: limits.dialTimeoutMax } }
    const [a, b, silent] = [await makePorts(patient, { clock }), await makePorts(), await makeCanary()]
    const dial = a.ports.host.dial([withPeer(silent.address, b.node.peerId), b.address])
    await until(() => silent.connects() === 1)
    await clock.advance(limits.dialTimeout / 2)
    expect((await dial).remoteAddr.equals(b.address)).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('is an AbortError when the caller gives up, before or during the dial', async () => {
    const { ports } = await makePorts()
    const canary = await makeCanary()
    await expect(ports.host.dial([canary.address], { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(canary.connects()).toBe(0)
    const controller = new AbortController()
    const dial = ports.host.dial([canary.address], { signal: controller.signal }).catch(error => error)
    await until(() => canary.connects() === 1)
    controller.abort()
    expect(await dial).toMatchObject({ name: 'AbortError' })
  })
})

describe('dials that libp2p joins', () => {
  it('gives our caller what somebody else\'s dial reached, if the policy lets us be there', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    const silent = await makeCanary()
    // The app's dial hangs at a silent address first; ours joins it, and libp2p adds our address to its list.
    const theirs = a.node.dial([withPeer(silent.address, b.node.peerId), b.address], { signal: AbortSignal.timeout(10_000) })
    await until(() => silent.connects() === 1)
    const ours = a.ports.host.dial([withPeer(await deadAddress(), b.node.peerId)], { reporter: 'configured' })
    silent.hangUp()
    expect((await ours).remoteAddr.equals(b.address)).toBe(true)
    expect((await theirs).remotePeer.equals(b.node.peerId)).toBe(true)
  })

  it('refuses it when the address reached is none that our caller may be sent to', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    const silent = await makeCanary()
    const theirs = a.node.dial([withPeer(silent.address, b.node.peerId), b.address], { signal: AbortSignal.timeout(10_000) })
    await until(() => silent.connects() === 1)
    const ours = a.ports.host.dial([withPeer(await deadAddress(), b.node.peerId)]).catch(error => error)
    silent.hangUp()
    expect(await ours).toMatchObject({ name: 'NetworkError', message: expect.stringContaining('was not asked for') })
    await theirs
  })
})

describe('names', () => {
  const resolver = (ip: string) => async (): Promise<string[]> => [ip]

  it('are resolved first, and what is then loopback is refused on a stranger\'s word', async () => {
    const a = await makePorts({}, { resolveName: resolver('127.0.0.1') })
    const canary = await makeCanary()
    for (const name of ['dns4', 'dns', 'dns6']) {
      const target = multiaddr(`/${name}/public.example.org/tcp/${canary.port}`)
      await expect(a.ports.host.dial([target])).rejects.toMatchObject({ name: 'NetworkError', message: expect.stringContaining('policy') })
    }
    expect(canary.connects()).toBe(0)
  })

  it('that the user configured may be anywhere', async () => {
    const [a, b] = [await makePorts({}, { resolveName: resolver('127.0.0.1') }), await makePorts()]
    const target = multiaddr(b.address.toString().replace('/ip4/127.0.0.1', '/dns4/localhost'))
    const connection = await a.ports.host.dial([target], { reporter: 'configured' })
    expect(connection.remoteAddr.equals(b.address)).toBe(true)
  })

  it('that do not resolve leave the literal addresses', async () => {
    const [a, b] = [await makePorts({}, { resolveName: async () => { throw new Error('no such name') } }), await makePorts()]
    const connection = await a.ports.host.dial([multiaddr(`/dns4/gone.example.org/tcp/1/p2p/${b.node.peerId}`), b.address])
    expect(connection.remoteAddr.equals(b.address)).toBe(true)
    await expect(a.ports.host.dial([multiaddr('/dns4/gone.example.org/tcp/1')]))
      .rejects.toMatchObject({ name: 'NetworkError', cause: { message: 'no such name' } })
  })

  it('are found in the system\'s hosts file when nothing else was given', async () => {
    const [a, b] = [await makePorts(), await makePorts()]
    const target = multiaddr(b.address.toString().replace('/ip4/127.0.0.1', '/dns4/localhost'))
    const connection: HostConnection = await a.ports.host.dial([target], { reporter: 'configured' })
    expect(connection.peer.equals(b.node.peerId)).toBe(true)
  })
})

describe('the budget of dials', () => {
  it('lets limits.parallelDials go at once, and the next when one is done, in order', async () => {
    const { ports } = await makePorts()
    const controllers: AbortController[] = []
    const canaries = await Promise.all(Array.from({ length: limits.parallelDials + 2 }, makeCanary))
    const dials = canaries.map(({ address }) => {
      const controller = new AbortController()
      controllers.push(controller)
      return ports.host.dial([address], { signal: controller.signal }).catch(error => error.name)
    })
    const total = (): number => canaries.filter(({ connects }) => connects() > 0).length
    await until(() => total() === limits.parallelDials)
    expect(canaries.slice(-2).map(({ connects }) => connects())).toEqual([0, 0])

    controllers[0]?.abort()
    await until(() => total() === limits.parallelDials + 1)
    expect(canaries.slice(-2).map(({ connects }) => connects())).toEqual([1, 0])

    // The last one is still waiting: it gives up without ever having dialled.
    controllers.at(-1)?.abort()
    expect(await dials.at(-1)).toBe('AbortError')
    for (const controller of controllers) controller.abort()
    await Promise.all(dials)
    expect(canaries.at(-1)?.connects()).toBe(0)
  })
})
