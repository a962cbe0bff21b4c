/** Somebody on the link who only listens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import type { Traffic } from './messages.ts'
import type { Place } from './stage.ts'

/** Per second. */
export interface TrafficRate {
  queries: number
  answers: number
  /** Of UDP payload. */
  bytes: number
}

export class Observer {
  readonly #child: Child
  #onTraffic: (traffic: Traffic) => void = () => {}

  /** Resolves once it listens. */
  static async start (place: Place): Promise<Observer> {
    return new Promise(resolve => {
      const observer: Observer = new Observer(place, () => resolve(observer))
    })
  }

  private constructor (place: Place, onReady: () => void) {
    this.#onTraffic = onReady
    this.#child = new Child(place, 'observer-child.ts', [], traffic => this.#onTraffic(traffic as Traffic))
  }

  /** Of the next `ms`. */
  async rate (ms: number): Promise<TrafficRate> {
    const from = await this.#count()
    await sleep(ms)
    const to = await this.#count()
    const perSecond = (key: keyof TrafficRate): number => (to[key] - from[key]) * 1_000 / (to.at - from.at)
    return { queries: perSecond('queries'), answers: perSecond('answers'), bytes: perSecond('bytes') }
  }

  async stop (): Promise<void> {
    await this.#child.stop()
  }

  async #count (): Promise<Traffic> {
    return new Promise(resolve => {
      this.#onTraffic = resolve
      this.#child.tell('count')
    })
  }
}
