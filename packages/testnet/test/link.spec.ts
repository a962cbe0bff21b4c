import { AbstractMultiaddrConnection } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { virtualClock } from '@peerweave/interface'
import { describe, expect, it } from 'vitest'
import { BYTES_IN_FLIGHT } from '../src/constants.ts'
import { createLink } from '../src/link.ts'
import type { Logger } from '@libp2p/interface'
import type { SendResult } from '@libp2p/utils'
import type { Weather } from '../src/link.ts'

const remoteAddr = multiaddr('/ip4/127.0.0.1/tcp/4001')

const silent: Logger = Object.assign(() => {}, { enabled: false, trace: () => {}, error: () => {}, newScope: () => silent })

/** A transport's end of a connection, with nobody at the other. */
class Socket extends AbstractMultiaddrConnection {
  sent = 0
  /** As a socket's buffer is. */
  isFull = false
  readonly done: string[] = []

  constructor () {
    super({ remoteAddr, direction: 'outbound', log: silent })
  }

  override sendData (data: Parameters<AbstractMultiaddrConnection['sendData']>[0]): SendResult {
    this.sent += data.byteLength
    return { sentBytes: data.byteLength, canSendMore: !this.isFull }
  }

  override sendReset (): void { this.done.push('reset') }
  override sendPause (): void { this.done.push('pause') }
  override sendResume (): void { this.done.push('resume') }
  override async sendClose (): Promise<void> { this.done.push('close') }
}

function world (weather: Partial<Weather> = {}) {
  const clock = virtualClock()
  const socket = new Socket()
  const counted = { sent: 0, received: 0 }
  const link = createLink(socket, {
    remoteAddr,
    clock,
    weather: { delay: () => 10, lifetime: undefined, ...weather },
    count: (direction, bytes) => { counted[direction] += bytes }
  })
  const received: number[] = []
  link.addEventListener('message', ({ data }) => received.push(data.byteLength))
  return { clock, socket, link, counted, received }
}

const bytes = (length: number): Uint8Array => new Uint8Array(length)

describe('a link', () => {
  it('brings bytes both ways, late, and counts them as they pass the socket', async () => {
    const { clock, socket, link, counted, received } = world()
    link.send(bytes(3))
    socket.onData(bytes(5))
    await clock.advance(9)
    expect([socket.sent, received, counted]).toEqual([0, [], { sent: 0, received: 5 }])
    await clock.advance(1)
    expect([socket.sent, received, counted]).toEqual([3, [5], { sent: 3, received: 5 }])
  })

  it('sends what was written before it closes, and waits for it', async () => {
    const { clock, socket, link } = world()
    link.send(bytes(3))
    let isClosed = false
    const closing = link.close().then(() => { isClosed = true })
    await clock.advance(9)
    expect([socket.sent, socket.done, isClosed]).toEqual([0, [], false])
    await clock.advance(1)
    await closing
    expect([socket.sent, socket.done, link.status, clock.pending]).toEqual([3, ['close'], 'closed', 0])
  })

  it('closes at once for us while it is held, and for the other side when it is released', async () => {
    const { clock, socket, link } = world()
    link.hold()
    link.send(bytes(3))
    await link.close()
    await clock.advance(1_000)
    expect([link.status, socket.sent, socket.done]).toEqual(['closed', 0, []])
    link.release()
    await clock.advance(0)
    expect([socket.sent, socket.done]).toEqual([3, ['close']])
  })

  it('ends after the last bytes of the other side', async () => {
    const { clock, socket, link, received } = world()
    socket.onData(bytes(5))
    socket.onTransportClosed()
    expect(link.status).toBe('open')
    await clock.advance(10)
    expect([received, link.status, clock.pending]).toEqual([[5], 'closed', 0])
  })

  it('tells of a reset as one, and resets', async () => {
    const { clock, socket, link } = world()
    socket.abort(new Error('gone'))
    await clock.advance(10)
    expect([link.status, clock.pending]).toEqual(['aborted', 0])

    const other = world()
    other.link.send(bytes(3))
    other.link.abort(new Error('enough'))
    expect(other.socket.done).toEqual([])
    await other.clock.advance(10)
    expect([other.socket.done, other.socket.sent, other.clock.pending]).toEqual([['reset'], 0, 0])
  })

  it('that is severed resets at once, and leaves no timer', () => {
    const { clock, socket, link } = world({ lifetime: 1_000 })
    link.send(bytes(3))
    socket.onData(bytes(3))
    link.sever(new Error('cut'))
    expect([socket.done, socket.sent, link.status, clock.pending]).toEqual([['reset'], 0, 'aborted', 0])
  })

  it('breaks when its lifetime is over, unless it has ended before', async () => {
    const { clock, socket, link } = world({ lifetime: 1_000 })
    await clock.advance(1_000)
    expect([socket.done, link.status]).toEqual([['reset'], 'aborted'])

    const other = world({ lifetime: 1_000 })
    other.socket.onTransportClosed()
    await other.clock.advance(10)
    expect(other.clock.pending).toBe(0)
  })

  it('loses what is on its way when the socket has gone', async () => {
    const { clock, socket, link } = world()
    link.send(bytes(3))
    await clock.advance(5)
    socket.abort(new Error('gone'))
    await clock.advance(100)
    expect(socket.sent).toBe(0)
  })
})

describe('a link with as much on its way as may be', () => {
  it('lets its writer wait until some has arrived', async () => {
    const { clock, socket, link } = world()
    let drains = 0
    link.addEventListener('drain', () => { drains++ })
    expect(link.send(bytes(BYTES_IN_FLIGHT - 1))).toBe(true)
    expect(link.send(bytes(1))).toBe(false)
    expect(link.send(bytes(7))).toBe(false)
    await clock.advance(10)
    expect(drains).toBeGreaterThan(0)
    await clock.advance(10)
    expect([socket.sent, link.send(bytes(1))]).toEqual([BYTES_IN_FLIGHT + 7, true])
  })

  it('stops reading until some was read', async () => {
    const { clock, socket, received } = world()
    socket.onData(bytes(BYTES_IN_FLIGHT - 1))
    expect(socket.done).toEqual([])
    socket.onData(bytes(1))
    expect(socket.done).toEqual(['pause'])
    await clock.advance(10)
    expect([socket.done, received]).toEqual([['pause', 'resume'], [BYTES_IN_FLIGHT - 1, 1]])
  })
})

describe('a link in no weather', () => {
  it('passes on that the socket is full, and that it is no longer', () => {
    const { socket, link } = world({ delay: () => 0 })
    let drains = 0
    link.addEventListener('drain', () => { drains++ })
    socket.isFull = true
    expect(link.send(bytes(3))).toBe(false)
    socket.isFull = false
    socket.safeDispatchEvent('drain')
    expect([socket.sent, drains]).toEqual([3, 1])
  })

  it('passes on that its reader pauses, and goes on', () => {
    const { socket, link, received } = world({ delay: () => 0 })
    link.pause()
    expect(socket.done).toEqual(['pause'])
    link.resume()
    socket.onData(bytes(2))
    expect([socket.done, received]).toEqual([['pause', 'resume'], [2]])
  })
})
