/** The command line asks for what cannot be: whoever wrote it has to change it. */
export class UsageError extends Error {
  override name = 'UsageError'
}
