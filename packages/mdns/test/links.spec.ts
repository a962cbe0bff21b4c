import { describe, expect, it } from 'vitest'
import { selectLinks, zoneOf, type LinkRules } from '../src/links.ts'
import type { InterfaceAddress } from '../src/network.ts'

function v4 (cidr: string, internal = false): InterfaceAddress {
  return { address: cidr.split('/')[0]!, family: 'IPv4', internal, cidr }
}

function v6 (cidr: string, scopeid = 0, internal = false): InterfaceAddress {
  return { address: cidr.split('/')[0]!, family: 'IPv6', internal, cidr, scopeid }
}

const MACHINE = {
  lo: [v4('127.0.0.1/8', true), v6('::1/128', 0, true)],
  eth0: [v4('192.168.7.1/24'), v4('192.168.7.9/24'), v6('fd00:7::1/64'), v6('fe80::1/64', 2)],
  wlan0: [v6('fd00:8::1/64')],
  docker0: [v4('172.17.0.1/16')],
  tun0: undefined
}

function keys (rules: Partial<LinkRules> = {}, machine: Parameters<typeof selectLinks>[0] = MACHINE): string[] {
  return selectLinks(machine, { deny: [], families: ['IPv4', 'IPv6'], ...rules }).map(({ key }) => key)
}

describe('links', () => {
  it('are every interface that is not internal, over both families', () => {
    expect(keys()).toEqual(['eth0/IPv4', 'eth0/IPv6', 'wlan0/IPv6', 'docker0/IPv4'])
    expect(keys({ families: ['IPv4'] })).toEqual(['eth0/IPv4', 'docker0/IPv4'])
    expect(keys({ families: ['IPv6'] })).toEqual(['eth0/IPv6', 'wlan0/IPv6'])
  })

  it('are the loopback interface over IPv4 where there is no other', () => {
    expect(keys({}, { lo: MACHINE.lo })).toEqual(['lo/IPv4'])
    expect(keys({ deny: ['eth0', 'wlan0', 'docker*'] })).toEqual(['lo/IPv4'])
    expect(keys({ families: ['IPv6'] }, { lo: MACHINE.lo })).toEqual([])
    expect(keys({ deny: ['*'] })).toEqual([])
    expect(keys({}, {})).toEqual([])
  })

  it.each([
    [['eth0'], ['eth0/IPv4', 'eth0/IPv6']],
    [['eth'], []],
    [['eth*'], ['eth0/IPv4', 'eth0/IPv6']],
    [['*0'], ['eth0/IPv4', 'eth0/IPv6', 'wlan0/IPv6', 'docker0/IPv4']],
    [['d*0'], ['docker0/IPv4']],
    [['docker0*'], ['docker0/IPv4']],
    [['dock*ker0'], []], // the two ends do not overlap
    [['*'], ['lo/IPv4', 'eth0/IPv4', 'eth0/IPv6', 'wlan0/IPv6', 'docker0/IPv4']],
    [['192.168.7.1'], ['eth0/IPv4']],
    [['192.168.7.9'], ['eth0/IPv4']],
    [['192.168.7.2'], []],
    [['fe80::1'], ['eth0/IPv6']],
    [['FE80:0::1'], ['eth0/IPv6']],
    [['fe80::1%eth1'], []],
    [['fd00:8::1', '127.0.0.1'], ['lo/IPv4', 'wlan0/IPv6']],
    [['::1'], []], // has no IPv6 multicast
    [[], []]
  ])('allowed by %j are %j', (allow, expected) => {
    expect(keys({ allow })).toEqual(expected)
  })

  it('leaves out what is denied, also what is allowed', () => {
    expect(keys({ deny: ['docker*', 'fe80::1'] })).toEqual(['eth0/IPv4', 'wlan0/IPv6'])
    expect(keys({ allow: ['*'], deny: ['192.168.7.9', 'lo', 'wlan0'] })).toEqual(['eth0/IPv6', 'docker0/IPv4'])
    expect(keys({ allow: ['eth0'], deny: ['eth0'] })).toEqual([])
  })

  it('know what they send from, who is on them, and what the interface is called', () => {
    const [ipv4, ipv6] = selectLinks(MACHINE, { allow: ['eth0'], deny: [], families: ['IPv4', 'IPv6'] })
    const addresses = ['192.168.7.1', '192.168.7.9', 'fd00:7::1', 'fe80::1']
    expect(ipv4).toEqual({
      key: 'eth0/IPv4',
      name: 'eth0',
      family: 'IPv4',
      address: '192.168.7.1',
      subnets: [{ address: '192.168.7.1', prefix: 24 }, { address: '192.168.7.9', prefix: 24 }],
      addresses,
      isLoopback: false,
      index: 2
    })
    expect(ipv6).toEqual({
      key: 'eth0/IPv6',
      name: 'eth0',
      family: 'IPv6',
      address: 'fe80::1',
      subnets: [{ address: 'fd00:7::1', prefix: 64 }, { address: 'fe80::1', prefix: 64 }],
      addresses,
      isLoopback: false,
      index: 2
    })
  })

  it('send from the IPv4 address that was asked for', () => {
    const [link] = selectLinks(MACHINE, { allow: ['192.168.7.9'], deny: [], families: ['IPv4', 'IPv6'] })
    expect(link?.address).toBe('192.168.7.9')
  })

  it('hold nobody but ourselves where the system does not tell the subnet', () => {
    const address = { address: '10.0.0.1', family: 'IPv4', internal: false, cidr: null }
    const [link] = selectLinks({ tun0: [address] }, { deny: [], families: ['IPv4', 'IPv6'] })
    expect(link?.subnets).toEqual([{ address: '10.0.0.1', prefix: 32 }])
    const [link6] = selectLinks({ tun0: [{ ...address, address: 'fd00::1', family: 'IPv6' }] }, { deny: [], families: ['IPv4', 'IPv6'] })
    expect(link6?.subnets).toEqual([{ address: 'fd00::1', prefix: 128 }])
  })

  it('have a zone: the name, on Windows the number', () => {
    expect(zoneOf({ name: 'eth0', index: 2 }, 'linux')).toBe('eth0')
    expect(zoneOf({ name: 'Ethernet 2', index: 2 }, 'win32')).toBe('2')
  })
})
