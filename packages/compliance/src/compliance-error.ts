/** How the suite says what is wrong. */
import { toError } from '@peerweave/interface'

/** A clause of the contract is broken. The message begins with the clause's id and says what was seen. */
export class ComplianceError extends Error {
  override readonly name: string = 'ComplianceError'
  readonly clause: string

  constructor (clause: string, seen: string, options?: ErrorOptions) {
    super(`[${clause}] ${seen}`, options)
    this.clause = clause
  }
}

/** A thrown thing in a message. */
export function describeError (thrown: unknown): string {
  const { name, message } = toError(thrown)
  return `${name}: ${message}`
}
