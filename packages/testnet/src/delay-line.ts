/** What happens in the order it was put in, each thing no sooner than its delay after that. */
import type { Clock, Timer } from '@peerweave/interface'

interface Step {
  due: number
  bytes: number
  run: () => void
}

export class DelayLine {
  readonly #clock: Clock
  #waiting: Step[] = []
  #timer: Timer | undefined
  #isHeld = false
  #bytes = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Bytes that wait. */
  get bytes (): number {
    return this.#bytes
  }

  get isHeld (): boolean {
    return this.#isHeld
  }

  push (delay: number, bytes: number, run: () => void): void {
    if (this.#waiting.length === 0 && delay <= 0 && !this.#isHeld) {
      run()
      return
    }
    this.#waiting.push({ due: this.#clock.now() + delay, bytes, run })
    this.#bytes += bytes
    this.#arm()
  }

  /** Nothing happens until {@link release}; what is put in waits. */
  hold (): void {
    this.#isHeld = true
  }

  release (): void {
    this.#isHeld = false
    this.#arm()
  }

  /** Forgets all that waits. */
  clear (): void {
    this.#waiting = []
    this.#bytes = 0
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm (): void {
    const [first] = this.#waiting
    if (first == null || this.#isHeld || this.#timer != null) return
    this.#timer = this.#clock.setTimeout(() => this.#flush(), first.due - this.#clock.now())
  }

  #flush (): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (let first = this.#waiting[0]; first != null && first.due <= now && !this.#isHeld; first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#bytes -= first.bytes
      first.run()
    }
    this.#arm()
  }
}
