/**
 * Takes turns between sources, so that one that says much does not drown the others. A source whose turn it is gets a
 * moment to speak, a slow one a shorter one each time (go-ethereum, p2p/enode, `FairMix`).
 */
import { settledOrAborted, type Clock } from '@peerweave/interface'
import { MIX_PATIENCE } from './constants.ts'

interface Source<T> {
  readonly iterator: AsyncIterator<T>
  /** Under way until `ready` is there. */
  step: Promise<void> | undefined
  ready: IteratorResult<T> | undefined
  /** ms that it is waited for when others have something. */
  patience: number
}

/** Sources may be added while it is read. They must not reject: whoever adds one knows what its failure means. */
export class FairMix<T> implements AsyncIterable<T> {
  readonly #clock: Clock
  readonly #sources: Array<Source<T>> = []
  #turn = 0
  #isClosed = false
  #news = Promise.withResolvers<void>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  add (source: AsyncIterable<T>): void {
    this.#sources.push({ iterator: source[Symbol.asyncIterator](), step: undefined, ready: undefined, patience: MIX_PATIENCE })
    this.#news.resolve()
  }

  /** No more will be added: it ends with the last source. */
  close (): void {
    this.#isClosed = true
    this.#news.resolve()
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<T> {
    try {
      for (;;) {
        this.#news = Promise.withResolvers()
        for (const source of this.#sources) this.#pull(source)
        if (this.#sources.length === 0 && this.#isClosed) return
        if (!this.#sources.some(({ ready }) => ready != null)) {
          await this.#news.promise
          this.#dropEnded()
          continue
        }
        const source = await this.#next()
        if (source?.ready?.done === false) {
          const { value } = source.ready
          source.ready = undefined
          yield value
        }
        this.#dropEnded()
      }
    } finally {
      // Not awaited: a source that hangs would hold the reader.
      for (const { iterator } of this.#sources) (async () => { await iterator.return?.() })().catch(() => {})
    }
  }

  #pull (source: Source<T>): void {
    if (source.step != null || source.ready != null) return
    source.step = source.iterator.next()
      .catch((): IteratorResult<T> => ({ done: true, value: undefined }))
      .then(result => {
        source.ready = result
        source.step = undefined
        this.#news.resolve()
      })
  }

  /** Whose turn it is, if it speaks in time; else whoever has something. */
  async #next (): Promise<Source<T> | undefined> {
    const count = this.#sources.length
    const inTurn = this.#sources[this.#turn % count] as Source<T>
    if (inTurn.step != null && inTurn.patience >= 1) {
      using deadline = this.#clock.deadline(inTurn.patience)
      await settledOrAborted(inTurn.step, deadline.signal)
      inTurn.patience = inTurn.ready == null ? inTurn.patience / 2 : MIX_PATIENCE
    }
    for (let i = 0; i < count; i++) {
      const source = this.#sources[(this.#turn + i) % count] as Source<T>
      if (source.ready == null) continue
      this.#turn = (this.#turn + i + 1) % count
      return source
    }
    return undefined
  }

  #dropEnded (): void {
    for (let i = this.#sources.length - 1; i >= 0; i--) {
      if (this.#sources[i]?.ready?.done !== true) continue
      this.#sources.splice(i, 1)
      if (i < this.#turn) this.#turn--
    }
  }
}
