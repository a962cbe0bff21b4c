/** What an updater makes of the codes that a server answers with, whatever the server. */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { DnsError, virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { answerTo, udpFake } from '../client/fakes.ts'
import { publish } from '../../src/index.ts'
import { Announcer } from '../../src/write/announcer.ts'
import { Updater, type UpdaterInit } from '../../src/write/updater.ts'
import type { Change } from '../../src/write/update.ts'

const ZONE = 'example.test'
const SELF = { peerId: peerIdFromString('12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB'), multiaddrs: [multiaddr('/ip4/1.2.3.4/tcp/1')] }
const CHANGES: Change[] = [{ kind: 'delete-set', name: `a.${ZONE}`, type: 'TXT' }]
const FREE = { prerequisites: [{ kind: 'name-not-in-use', name: `a.${ZONE}` }] } as const
/** Of prerequisites that did not hold. RFC 2136 §2.2. */
const UNMET: Array<[string, number]> = [['NXDOMAIN', 3], ['YXDOMAIN', 6], ['YXRRSET', 7], ['NXRRSET', 8]]

function answered (message: Uint8Array, code: number): Uint8Array {
  const answer = Buffer.from(message.subarray(0, 12)).fill(0, 4)
  answer[2]! |= 0x80
  answer[3] = code
  return answer
}

/** Of servers that answer with these codes, one each. */
function updater (...codes: number[]): Updater {
  const servers = codes.map((_, i) => `192.0.2.${i}:53`)
  const exchange: UpdaterInit['exchange'] = async (message, server) => answered(message, codes[servers.indexOf(server)] as number)
  return new Updater({ exchange, clock: virtualClock(), zone: ZONE, servers })
}

describe.each(UNMET)('a server that answers %s', (code, number) => {
  it('says that a prerequisite did not hold, where there was one', async () => {
    expect(await updater(number, 0).update(CHANGES, FREE)).toBe('unmet')
  })

  it('fails, named with its code, where nothing was to hold', async () => {
    const failed = updater(number).update(CHANGES)
    await expect(failed).rejects.toThrow(DnsError)
    await expect(failed).rejects.toThrow(`192.0.2.0:53: refused with ${code}`)
    await expect(updater(number).update(CHANGES, { prerequisites: [] })).rejects.toThrow(`refused with ${code}`)
  })

  it('is no reason not to ask the next one, where nothing was to hold', async () => {
    expect(await updater(number, 0).update(CHANGES)).toBe('made')
  })

  it('has not announced us: neither under a host of our own, nor under one that is ours already', async () => {
    for (const host of [undefined, 'kitchen']) {
      const announcer = new Announcer({
        updater: updater(number),
        clock: virtualClock(),
        service: { name: 'olocus', transport: 'tcp' },
        domain: ZONE,
        host,
        text: new Map(),
        isPrivateMeant: false,
        ttl: 60_000,
        look: async (name, type) => type === 'TXT' ? [{ name, ttl: 60, type, strings: [Buffer.from(`peer_id=${SELF.peerId}`)] }] : []
      })
      await expect(announcer.announce(SELF)).rejects.toThrow(`refused with ${code}`)
      await expect(announcer.withdraw()).rejects.toThrow(`refused with ${code}`)
    }
  })
})

it('publish() fails with such a code: it asks for nothing to hold', async () => {
  const fake = await udpFake((query, reply) => reply(query[2] === 5 << 3 ? answered(query, 7) : answerTo(query, [])))
  try {
    await expect(publish([SELF], { zone: ZONE, service: '_olocus._tcp', servers: [fake.text] })).rejects.toThrow(`${fake.text}: refused with YXRRSET`)
  } finally {
    await fake.close()
  }
})

it('another code is a failure with prerequisites too', async () => {
  await expect(updater(5).update(CHANGES, FREE)).rejects.toThrow('refused with REFUSED: its policy')
})
