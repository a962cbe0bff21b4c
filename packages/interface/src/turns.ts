/** Steps that take turns, in the order called: a start waits for the stop before it, and the other way round. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `step` when all before it have settled. A step that fails does not keep the next one from its turn. */
  async take<T> (step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step)
    this.#last = turn.catch(() => {})
    return await turn
  }
}
