/** Whose turn it is. */
import { systemClock, type Clock } from '@peerweave/interface'
import { encode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { dnsClient } from '../../src/client/client.ts'
import { dns2Server } from './fakes.ts'

describe('the order of servers', () => {
  it('is the user’s again a while after the first one failed: another may not know the same names', async () => {
    let isDown = true
    const inside = await dns2Server(({ header: { id }, questions: [question] }) => {
      const questions = [{ name: question!.name, type: 'A' as const }]
      return encode({ type: 'response', id, flags: isDown ? 2 : 0, questions, answers: isDown ? [] : [{ name: question!.name, type: 'A', ttl: 60, data: '10.0.0.1' }] })
    })
    const outside = await dns2Server(({ header: { id }, questions: [question] }) => {
      return encode({ type: 'response', id, flags: 3, questions: [{ name: question!.name, type: 'A' }] })
    })
    const clock = systemClock()
    let offset = 0
    const ahead = Object.assign(Object.create(clock) as Clock, { now: () => clock.now() + offset })
    const client = dnsClient({ servers: [inside.text, outside.text], clock: ahead })
    try {
      expect((await client.query('a.internal', 'A')).server).toBe(outside.text)
      expect((await client.query('b.internal', 'A')).server).toBe(outside.text)
      expect(inside.udp).toBe(1) // it is not asked each time while it is down
      offset += 60_000
      expect((await client.query('c.internal', 'A')).server).toBe(outside.text)
      isDown = false
      expect((await client.query('d.internal', 'A')).server).toBe(outside.text)
      offset += 60_000
      expect((await client.query('e.internal', 'A')).code).toBe('NOERROR')
      expect((await client.query('f.internal', 'A')).server).toBe(inside.text)
    } finally {
      await client.close()
      await inside.close()
      await outside.close()
    }
  })
})
