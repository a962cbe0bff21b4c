/** What was found wrong when a log was opened, and what became of it. */

export interface DamageReport {
  /** Records that are there and whole. */
  readonly kept: number
  /** Records that were found damaged; they are dropped. */
  readonly damaged: number
  /** Records that should be there and are not, at least. What was overwritten with an older value is not counted. */
  readonly missing: number
  /** What was found, for people. */
  readonly reason: string
  /** Where the damaged log was moved, when it was. */
  readonly movedTo: string | undefined
}
