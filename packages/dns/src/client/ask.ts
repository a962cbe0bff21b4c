/** What a transport is given to do. */

/** One copy of a question, and how its answer is known. Each has its own id, where the message may have another. */
export interface Attempt<Answer> {
  readonly message: Uint8Array
  /**
   * What the message says; `undefined` when it is no answer to this.
   *
   * @throws Error when it is, and cannot be used
   */
  readonly read: (message: Uint8Array) => Answer | undefined
}

export interface AskInit {
  /** ms for it all. */
  budget: number
  signal: AbortSignal
}
