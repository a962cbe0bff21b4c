/** A process that floods the link. */
import { Child } from './child.ts'
import type { Sent } from './messages.ts'
import type { Place } from './stage.ts'

export class Hostile {
  readonly #child: Child
  #onSent: (sent: Sent) => void = () => {}

  /** Resolves once it could begin. */
  static async start (place: Place): Promise<Hostile> {
    return new Promise(resolve => {
      const hostile: Hostile = new Hostile(place, () => resolve(hostile))
    })
  }

  private constructor (place: Place, onReady: () => void) {
    this.#onSent = onReady
    this.#child = new Child(place, 'hostile-child.ts', [], sent => this.#onSent(sent as Sent))
  }

  begin (): void {
    this.#child.tell('begin')
  }

  /** Packets per second since it began. */
  async rate (): Promise<number> {
    const { sent, ms } = await new Promise<Sent>(resolve => {
      this.#onSent = resolve
      this.#child.tell('rate')
    })
    return sent * 1_000 / ms
  }

  async stop (): Promise<void> {
    await this.#child.stop()
  }
}
