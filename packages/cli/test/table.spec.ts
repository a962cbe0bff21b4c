import { stripVTControlCharacters } from 'node:util'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { peer as peerId } from '../../../test/support/peers.ts'
import { table, type TableSpace } from '../src/demo/table.ts'
import type { PeerInfo } from '@peerweave/interface'

async function peer (n: number, ...addresses: string[]): Promise<PeerInfo> {
  return {
    peerId: await peerId(n),
    addresses: addresses.map(text => ({ multiaddr: multiaddr(text) })),
    sources: [{ path: 'bootstrap', lastSeen: 500 }, { path: 'mdns', lastSeen: 750 }],
    confidence: 0.95,
    connectionStatus: 'disconnected'
  } as unknown as PeerInfo // what the table shows of it
}

function lines (peers: PeerInfo[], space: Partial<TableSpace> = {}): string[] {
  return stripVTControlCharacters(table(peers, { now: 1_000, columns: 200, rows: 24, ...space })).split('\n')
}

function heads (peers: PeerInfo[], columns: number): string[] {
  return lines(peers, { columns })[1]!.split('│').map(text => text.trim()).filter(text => text !== '')
}

const ADDRESS = '/ip4/127.0.0.1/tcp/40055'

describe('the table', () => {
  it('shows of each peer its id, addresses, mechanisms, age, confidence and connection', async () => {
    const [, head, , row] = lines([await peer(1, ADDRESS)])
    expect(head).toMatch(/peer +│ addresses +│ found by +│ age +│ confidence +│ connection/)
    expect(row).toMatch(/…\w{8} │ \/ip4\/127\.0\.0\.1\/tcp\/40055 │ bootstrap \+ mdns │ 0\.3 s │ 0\.95 +│ disconnected/)
  })

  it.each([
    [120, ['peer', 'addresses', 'found by', 'age', 'confidence', 'connection']],
    [80, ['peer', 'addresses', 'found by', 'age', 'confidence']],
    [79, ['peer', 'addresses', 'found by', 'confidence']]
  ])('in %i columns it has those that fit: %j', async (columns, expected) => {
    const peers = [await peer(1, ADDRESS), await peer(2, ADDRESS)]
    expect(heads(peers, columns)).toEqual(expected)
    for (const line of lines(peers, { columns })) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it('cuts long addresses where leaving out columns is not enough', async () => {
    const peers = [await peer(1, '/ip6/2001:db8:1234:5678:9abc:def0:1234:5678/udp/40055/quic-v1', ADDRESS)]
    const shown = lines(peers, { columns: 80 })
    for (const line of shown) expect(line.length).toBeLessThanOrEqual(80)
    expect(shown.join('\n')).toMatch(/\/ip6\/2001:db8:\S+…/)
    expect(shown.join('\n')).toContain(ADDRESS)
  })

  it('shows a whole peer or none, in as many lines as there are, and counts the others', async () => {
    const peers = await Promise.all([1, 2, 3, 4].map(n => peer(n, ADDRESS, '/ip4/127.0.0.1/udp/40055/quic-v1')))
    expect(lines(peers, { rows: 12 })).toHaveLength(12)
    expect(lines(peers, { rows: 12 }).join('\n')).not.toContain('more')
    for (const rows of [11, 10, 9, 8, 7]) {
      const shown = lines(peers, { rows })
      expect(shown.length).toBeLessThanOrEqual(rows)
      expect(shown.at(-1)).toBe(`… and ${rows >= 11 ? 1 : rows >= 9 ? 2 : 3} more`)
    }
  })

  it('shows one peer where there is no room at all', async () => {
    const shown = lines([await peer(1, ADDRESS), await peer(2, ADDRESS)], { rows: 2 })
    expect(shown.filter(line => line.includes(ADDRESS))).toHaveLength(1)
    expect(shown.at(-1)).toBe('… and 1 more')
  })

  it('has a head before anybody is found', () => {
    expect(heads([], 80)).toContain('addresses')
  })
})
