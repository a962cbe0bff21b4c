/** The mechanism contract, on a zone in memory and in virtual time. */
import { mechanismCompliance } from '@peerweave/compliance'
import { DnsError } from '@peerweave/interface'
import { describe, it } from 'vitest'
import { dns } from '../src/index.ts'
import type { DnsClient } from '../src/client/client.ts'
import type { DnsRecord } from '../src/records.ts'

const DOMAIN = 'example.test'
const SRV = `_olocus._tcp.${DOMAIN}`

mechanismCompliance({ describe, it }, {
  name: 'dns',
  create ({ self, clock, rng, context, node }) {
    const records: DnsRecord[] = []
    let open = 0
    let isDown = false
    let isAnnounced = false
    let next = 1
    /** A peer in the zone. */
    const put = (id: unknown, text = `peer_id=${id}`): void => {
      const target = `n${next}.${DOMAIN}`
      records.push(
        { name: SRV, type: 'SRV', ttl: 0, priority: 0, weight: 0, port: 4_001, target },
        { name: `_olocus-peer.${target}`, type: 'TXT', ttl: 0, strings: [Buffer.from(text)] },
        { name: target, type: 'A', ttl: 0, address: `1.2.3.${next++}` }
      )
    }
    const client = (): DnsClient => {
      open++
      return {
        async query (name, type, { signal } = {}) {
          await clock.sleep(1, signal === undefined ? {} : { signal })
          if (isDown) throw new DnsError('no server answers')
          const answers = records.filter(record => record.name === name && record.type === type)
          return { code: answers.length > 0 ? 'NOERROR' : 'NXDOMAIN', answers, authorities: [], additionals: [], server: 'memory' }
        },
        // The zone's primary, as far as an announcement goes.
        async exchange (message, _server, { signal } = { isTcp: false }) {
          await clock.sleep(1, signal === undefined ? {} : { signal })
          // An SRV record that is added is of class IN; one that is taken away of class NONE. RFC 2136 §2.5.
          isAnnounced = Buffer.from(message).includes(Buffer.from([0, 33, 0, 1]))
          const answer = Buffer.from(message.subarray(0, 12)).fill(0, 4)
          answer[2] = 0xa8
          return answer
        },
        async close () { open-- }
      }
    }
    return {
      mechanism: () => dns({
        domains: [DOMAIN], service: '_olocus._tcp', clock, rng, client, announce: { zone: DOMAIN, servers: ['127.0.0.1:53'], private: true }
      })(context),
      async provoke () {
        const { self: peer } = await node()
        put(peer)
        return peer
      },
      echo: () => put(self),
      hostile () {
        put('', 'peer_id=nobody')
        records.push(
          { name: SRV, type: 'SRV', ttl: 0, priority: 0, weight: 0, port: 0, target: `n1.${DOMAIN}` },
          { name: `_dnsaddr.${DOMAIN}`, type: 'TXT', ttl: 0, strings: [Buffer.from('dnsaddr=/not/an/address'), Buffer.alloc(255, 0xff)] }
        )
      },
      fail: () => { isDown = true },
      announced: () => isAnnounced,
      leftovers: () => Array<string>(open).fill('client')
    }
  }
})
