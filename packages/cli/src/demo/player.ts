/** Plays the scenes of the story on the cast. */
import { seededRng, type Rng } from '@peerweave/interface'
import type { Actor, Cast } from './cast.ts'
import type { DemoEvent } from './events.ts'
import type { Observer } from './observer.ts'
import type { Action } from './timeline.ts'

export class Player {
  readonly #cast: Cast
  readonly #observer: Observer
  readonly #tell: (event: DemoEvent) => void
  readonly #rng: Rng

  constructor (cast: Cast, observer: Observer, tell: (event: DemoEvent) => void, seed: number) {
    this.#cast = cast
    this.#observer = observer
    this.#tell = tell
    this.#rng = seededRng(seed)
  }

  async act (action: Action): Promise<void> {
    switch (action) {
      case 'join':
        return this.#welcome(await this.#cast.join({ mdns: true, listed: this.#rng.int(2) === 0 }))
      case 'join-process':
        return this.#welcome(await this.#cast.joinProcess())
      case 'leave': {
        // Its goodbye goes out by mDNS: somebody who is only on the list could not be heard leaving.
        const actor = this.#pick(({ crash, isOnLan }) => crash == null && isOnLan) ?? this.#pick(({ crash }) => crash == null)
        if (actor == null) return
        this.#tell({ type: 'node', action: 'leave', peer: actor.peer })
        return this.#cast.leave(actor)
      }
      case 'crash': {
        const actor = this.#pick(({ crash }) => crash != null)
        if (actor == null) return
        this.#tell({ type: 'node', action: 'crash', peer: actor.peer })
        actor.crash?.()
      }
    }
  }

  #welcome ({ peer, address, isListed }: Actor): void {
    this.#tell({ type: 'node', action: 'join', peer })
    if (isListed) this.#observer.list(address)
  }

  #pick (filter: (actor: Actor) => boolean): Actor | undefined {
    const fitting = this.#cast.actors.filter(filter)
    return fitting[this.#rng.int(Math.max(1, fitting.length))]
  }
}
