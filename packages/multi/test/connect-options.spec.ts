/** The options of the connection policy. */
import { limits } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { connectOptions, type ConnectOptions } from '../src/connect-options.ts'
import { CONNECT_TARGET, FEELERS, MAX_INBOUND, MAX_OUTBOUND, MAX_PER_GROUP } from '../src/constants.ts'

describe('connect', () => {
  it('is off when nothing is said', () => {
    expect(connectOptions(undefined)).toBeUndefined()
  })

  it('has the documents\' limits and the research\'s target by default', () => {
    expect(connectOptions({})).toEqual({
      target: CONNECT_TARGET, maxPerGroup: MAX_PER_GROUP, feelers: FEELERS, maxInbound: MAX_INBOUND, maxOutbound: MAX_OUTBOUND, scopes: undefined
    })
    expect([CONNECT_TARGET, MAX_INBOUND, MAX_OUTBOUND]).toEqual([8, 50, 50])
  })

  it('never seeks more than may be, unless it is told to', () => {
    expect(connectOptions({ maxOutbound: 3 })).toMatchObject({ target: 3, maxOutbound: 3 })
  })

  it('has a preset for this site and one for this machine', () => {
    expect([...connectOptions('lan')?.scopes ?? []]).toEqual(['private', 'link-local'])
    expect([...connectOptions('local')?.scopes ?? []]).toEqual(['loopback'])
    expect(connectOptions('lan')).toMatchObject({ target: 50, maxInbound: 50, maxOutbound: 50, feelers: Infinity })
  })

  it.each([
    ['wan', 'connect must be \'lan\', \'local\' or an object of options, got "wan"'],
    [null, 'connect must be'],
    [true, 'connect must be'],
    [{ targets: 1 }, 'connect has no option "targets"; it knows target, maxPerGroup, feelers, maxInbound, maxOutbound'],
    [{ target: -1 }, 'connect.target must be a whole number from 0 to 50, got -1'],
    [{ target: 1.5 }, 'connect.target must be a whole number'],
    [{ target: 9, maxOutbound: 8 }, 'connect.target must be a whole number from 0 to 8, got 9'],
    [{ maxPerGroup: 0 }, 'connect.maxPerGroup must be a whole number from 1 to Infinity, got 0'],
    [{ feelers: 10 }, 'connect.feelers must be a number from 1000 to Infinity, got 10'],
    [{ maxInbound: limits.connections + 1 }, `connect.maxInbound must be a whole number from 0 to ${limits.connections}`],
    [{ maxOutbound: '8' }, 'connect.maxOutbound must be a whole number']
  ])('refuses %j and names what is wrong', (value, message) => {
    const refuse = (): unknown => connectOptions(value as ConnectOptions)
    expect(refuse).toThrow(TypeError)
    expect(refuse).toThrow(message)
  })
})
