import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { renewed } from '../src/own-record.ts'

const [before, after] = [new Set(['192.168.7.1', 'fe80::1']), new Set(['192.168.7.9', 'fe80::1'])]
const addresses = (...texts: string[]): ReturnType<typeof multiaddr>[] => texts.map(text => multiaddr(text))

describe('what announceSelf gave', () => {
  it('follows an interface that was renumbered, and keeps what is not the machine’s', () => {
    const record = { multiaddrs: addresses('/ip4/192.168.7.1/tcp/1', '/ip4/10.1.1.1/tcp/9', '/ip6zone/eth0/ip6/fe80::1/tcp/1'), local: before }
    const host = addresses('/ip4/192.168.7.9/tcp/1', '/ip6/fe80::1/tcp/1', '/ip4/127.0.0.1/tcp/1')
    expect(renewed(record, host, after).multiaddrs.map(String)).toEqual(['/ip4/10.1.1.1/tcp/9', '/ip6zone/eth0/ip6/fe80::1/tcp/1', '/ip4/192.168.7.9/tcp/1'])
    expect(renewed(record, host, before)).toBe(record)
  })

  it('loses its signature with the addresses that it was made for, not before', () => {
    const record = { multiaddrs: addresses('/ip4/192.168.7.1/tcp/1'), signedPeerRecord: new Uint8Array([1]), local: before }
    expect(renewed(record, addresses('/ip4/192.168.7.1/tcp/1'), before).signedPeerRecord).toEqual(new Uint8Array([1]))
    expect(renewed(record, addresses('/ip4/192.168.7.9/tcp/1'), after).signedPeerRecord).toBeUndefined()
  })

  it('stays a goodbye', () => {
    expect(renewed({ multiaddrs: [], local: before }, addresses('/ip4/192.168.7.9/tcp/1'), after).multiaddrs).toEqual([])
  })
})
