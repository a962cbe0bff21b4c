import { peerweaveDefaults, policyOf, type DialPolicy } from '@peerweave/libp2p'
import { addressScope, limits, mayReport, reporterScope } from '@peerweave/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { peer } from '../../../test/support/peers.ts'
import { Beliefs } from '../src/beliefs.ts'

const [one, two] = [await peer(1), await peer(2)]

const ADDRESSES = [
  '/ip4/1.2.3.4/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip4/192.168.1.1/tcp/1', '/ip4/10.0.0.1/udp/1/quic-v1', '/ip4/169.254.169.254/tcp/80',
  '/ip6/fe80::1/tcp/1', '/ip6/::1/tcp/1', '/dns4/example.org/tcp/1', '/unix/%2Frun%2Fsocket', '/ip4/224.0.0.1/tcp/1', '/ip6/64:ff9b::7f00:1/tcp/1'
].map(text => multiaddr(text))

const address = fc.constantFrom(...ADDRESSES)
const reporter = fc.constantFrom(
  undefined, multiaddr('/ip4/1.1.1.1/tcp/1'), multiaddr('/ip4/127.0.0.1/tcp/1'), multiaddr('/ip4/192.168.7.7/tcp/1'),
  multiaddr(`/ip4/192.168.7.7/tcp/1/p2p/${two}/p2p-circuit`)
)

describe('whatever anybody reports', () => {
  it('is believed as far as the policy on reporters lets it, and can be dialled just so far, for that peer alone', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.array(address, { maxLength: 12 }), reporter), { maxLength: 6 }), fc.boolean(), (reports, isPublicOnly) => {
      const dropped: string[] = []
      const beliefs = new Beliefs({ policy: undefined, isPublicOnly, drop: reason => { dropped.push(reason) } })
      const local = new Set<string>()
      for (const [addresses, remoteAddr] of reports) {
        const told = remoteAddr == null ? {} : { peer: two, remoteAddr }
        const believed = beliefs.believe(one, addresses, told)
        expect(believed.length).toBeLessThanOrEqual(limits.addressesPerDial)
        for (const address of believed) {
          const scope = addressScope(address)
          expect(mayReport(reporterScope(told), scope)).toBe(true)
          if (isPublicOnly) expect(['public', 'name']).toContain(scope)
          local.add(address.toString())
        }
      }
      for (const address of ADDRESSES) {
        const scope = addressScope(address)
        const isOpen = scope === 'public' || scope === 'name'
        expect(beliefs.mayDial(one, address)).toBe(isOpen || local.has(address.toString()))
        expect(beliefs.mayDial(two, address)).toBe(isOpen)
      }
    }), { numRuns: 500 })
  })
})

describe('what is remembered of it', () => {
  it.each([[-1, true], [0, true], [1, false]])('is bounded: %d beyond the bound, the first one may be dialled: %s', (beyond, isKnown) => {
    const beliefs = new Beliefs({ policy: undefined, isPublicOnly: false, drop: () => {} })
    const at = (i: number) => multiaddr(`/ip4/10.${i >> 16}.${i >> 8 & 255}.${i & 255}/tcp/1`)
    for (let i = 0; i < limits.dhtBelieved + beyond; i++) beliefs.believe(one, [at(i)], { configured: true })
    expect(beliefs.mayDial(one, at(0))).toBe(isKnown)
    expect(beliefs.mayDial(one, at(limits.dhtBelieved + beyond - 1))).toBe(true)
  })

  it('opens the node’s gate for it, by peer, and names it where kad-dht does not', () => {
    const vetted: string[] = []
    const policy = { vet: (address, id) => vetted.push(`${address} ${id}`), permits: () => false } as Partial<DialPolicy> as DialPolicy
    const beliefs = new Beliefs({ policy, isPublicOnly: false, drop: () => {} })
    beliefs.believe(one, [multiaddr(`/ip4/10.0.0.1/tcp/1/p2p/${one}`), multiaddr('/ip4/10.0.0.1/tcp/1')], { configured: true })
    expect(vetted).toEqual([`/ip4/10.0.0.1/tcp/1 ${one}`])
    expect(beliefs.named(multiaddr('/ip4/10.0.0.1/tcp/1')).toString()).toBe(`/ip4/10.0.0.1/tcp/1/p2p/${one}`)
    expect(beliefs.named(multiaddr('/ip4/10.0.0.2/tcp/1')).toString()).toBe('/ip4/10.0.0.2/tcp/1')
  })
})

describe('what bytes can say and text cannot', () => {
  // Found in review: `vet` read the way to the relay back from its text, and threw inside kad-dht's event.
  it('throws nowhere, and keeps nobody from being dialled', () => {
    const policy = policyOf(peerweaveDefaults({}).connectionGater)
    const beliefs = new Beliefs({ policy, isPublicOnly: false, drop: () => {} })
    const text = fc.constantFrom('a/b', '/', '..', '\u0000', 'p2p-circuit', 'x/p2p/y', '')
    const part = (name: string, code: number, value?: string) => ({ name, code, ...(value != null && { value }) })
    const host = fc.constantFrom('1.2.3.4', '127.0.0.1', '10.0.0.1').map(ip => [part('ip4', 4, ip), part('tcp', 6, '80')])
    const middle = fc.array(fc.oneof(
      text.map(value => part('sni', 449, value)), text.map(value => part('unix', 400, value)), fc.constant(part('p2p', 421, two.toString())), fc.constant(part('p2p-circuit', 290))
    ), { maxLength: 4 })
    fc.assert(fc.property(host, middle, (host, middle) => {
      let address
      try {
        address = multiaddr(multiaddr([...host, ...middle]).bytes)
      } catch {
        return // none that a peer could send
      }
      const believed = beliefs.believe(one, [address], { configured: true })
      for (const known of believed) beliefs.named(known)
      beliefs.mayDial(one, address)
    }), { numRuns: 1_000 })
  })
})

describe('a name', () => {
  it('opens the node’s gate for nobody, since its owner says what it resolves to', async () => {
    const gater = peerweaveDefaults({}, { resolveName: async () => ['127.0.0.1'] }).connectionGater
    const beliefs = new Beliefs({ policy: policyOf(gater), isPublicOnly: false, drop: () => {} })
    const name = multiaddr(`/dns4/evil.example.org/tcp/80/tls/ws/p2p/${one}`)
    expect(beliefs.believe(one, [name], { peer: two, remoteAddr: multiaddr('/ip4/1.1.1.1/tcp/1') })).toHaveLength(1)
    expect(await gater.denyDialMultiaddr?.(name)).toBe(true)
  })
})
