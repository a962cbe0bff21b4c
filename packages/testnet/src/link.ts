/** A connection between two nodes of the net, at its dialler's end, with the faults of the way between them. */
import { ConnectionFailedError, type AbortOptions, type MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import { raceSignal, type Clock, type Timer } from '@peerweave/interface'
import { BYTES_IN_FLIGHT } from './constants.ts'
import { DelayLine } from './delay-line.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

/** How the bytes between two nodes fare. */
export interface Weather {
  /** ms that the next chunk takes, drawn for each. */
  delay: () => number
  /** ms until the connection breaks by itself; `undefined`: never. */
  lifetime: number | undefined
}

export interface LinkInit {
  remoteAddr: Multiaddr
  weather: Weather
  clock: Clock
  /** Bytes that were handed to the transport, or came from it. */
  count: (direction: 'sent' | 'received', bytes: number) => void
}

export interface Link extends MultiaddrConnection {
  /** Bytes wait on both ways, as TCP's do while nothing gets through, until {@link release}. */
  hold: () => void
  release: () => void
  /** Ends it at once, at both ends, without a word more. */
  sever: (error: Error) => void
}

/** Both directions are delayed here, so the listener's end needs to know nothing of it. */
export function createLink (inner: MultiaddrConnection, init: LinkInit): Link {
  return new DelayedConnection(inner, init)
}

// Not exported: its ancestors have members named by imported symbols (TS9038).
class DelayedConnection extends AbstractMultiaddrConnection implements Link {
  readonly #inner: MultiaddrConnection
  readonly #weather: Weather
  readonly #count: LinkInit['count']
  readonly #outward: DelayLine
  readonly #inward: DelayLine
  readonly #end: Timer | undefined
  /** Our reader does. */
  #isPaused = false
  /** The transport is. */
  #isReading = true

  constructor (inner: MultiaddrConnection, { remoteAddr, weather, clock, count }: LinkInit) {
    super({ remoteAddr, direction: inner.direction, log: inner.log, inactivityTimeout: inner.inactivityTimeout })
    this.#inner = inner
    this.#weather = weather
    this.#count = count
    this.#outward = new DelayLine(clock)
    this.#inward = new DelayLine(clock)
    inner.addEventListener('message', ({ data }) => this.#receive(data))
    inner.addEventListener('drain', () => this.#maybeDrained())
    inner.addEventListener('close', ({ error }) => {
      this.#end?.cancel()
      this.#outward.clear()
      // Its end comes after its bytes. Ended by us, there is nobody to tell.
      if (this.status === 'open') this.#inward.push(weather.delay(), 0, () => this.onTransportClosed(error))
    })
    const { lifetime } = weather
    if (lifetime != null) {
      this.#end = clock.setTimeout(() => this.sever(new ConnectionFailedError('the testnet broke it: its lifetime was over')), lifetime)
    }
  }

  hold (): void {
    this.#outward.hold()
    this.#inward.hold()
  }

  release (): void {
    this.#outward.release()
    this.#inward.release()
  }

  sever (error: Error): void {
    this.#end?.cancel()
    this.#outward.clear()
    this.#inward.clear()
    this.#inner.abort(error)
    this.abort(error)
  }

  override sendData (data: Parameters<AbstractMultiaddrConnection['sendData']>[0]): SendResult {
    const { byteLength } = data
    let canSendMore = true
    this.#outward.push(this.#weather.delay(), byteLength, () => {
      if (this.#inner.status !== 'open') return // closed meanwhile: what was under way is lost
      this.#count('sent', byteLength)
      canSendMore = this.#inner.send(data)
      this.#maybeDrained()
    })
    return { sentBytes: byteLength, canSendMore: canSendMore && this.#outward.bytes < BYTES_IN_FLIGHT }
  }

  #maybeDrained (): void {
    if (this.writableNeedsDrain && !this.#inner.writableNeedsDrain && this.#outward.bytes < BYTES_IN_FLIGHT) this.safeDispatchEvent('drain')
  }

  #receive (data: Parameters<AbstractMultiaddrConnection['onData']>[0]): void {
    this.#count('received', data.byteLength)
    this.#inward.push(this.#weather.delay(), data.byteLength, () => {
      this.onData(data)
      this.#regulate()
    })
    this.#regulate()
  }

  /** The transport is to read no more while our reader pauses, or while as much as may be is under way. */
  #regulate (): void {
    const isReading = !this.#isPaused && this.#inward.bytes < BYTES_IN_FLIGHT
    if (isReading === this.#isReading || this.#inner.status !== 'open') return
    this.#isReading = isReading
    if (isReading) this.#inner.resume()
    else this.#inner.pause()
  }

  override sendPause (): void {
    this.#isPaused = true
    this.#regulate()
  }

  override sendResume (): void {
    this.#isPaused = false
    this.#regulate()
  }

  override sendReset (error: Error): void {
    this.#inward.clear()
    this.#outward.clear()
    if (this.#inner.status === 'open') this.#outward.push(this.#weather.delay(), 0, () => this.#inner.abort(error))
  }

  override async sendClose ({ signal }: AbortOptions = {}): Promise<void> {
    if (this.#inner.status !== 'open') return
    const closed = Promise.withResolvers<void>()
    this.#inner.addEventListener('close', () => closed.resolve())
    this.#outward.push(this.#weather.delay(), 0, () => {
      this.#inner.close().catch((error: Error) => this.#inner.abort(error))
    })
    // A goodbye that cannot get through is not waited for.
    if (this.#outward.isHeld) return
    await (signal == null ? closed.promise : raceSignal(closed.promise, signal))
  }
}
