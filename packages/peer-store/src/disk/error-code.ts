/** The system's word for what went wrong, wherever in an error it stands. */

// What LevelDB says is strerror's text, after the file's name.
const TEXTS: ReadonlyArray<[RegExp, string]> = [
  [/No space left on device/i, 'ENOSPC'],
  [/Disk quota exceeded/i, 'EDQUOT'],
  [/Read-only file system/i, 'EROFS'],
  [/Permission denied/i, 'EACCES'],
  [/Operation not permitted/i, 'EPERM'],
  [/Too many open files/i, 'EMFILE'],
  [/Input\/output error/i, 'EIO'],
  [/Cannot allocate memory/i, 'ENOMEM']
]

export function errorCode (error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The code of the system in what LevelDB threw; `undefined` when it is about the contents of its files. */
export function systemCode (error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { message } = cause
    const found = TEXTS.find(([text]) => text.test(message))
    if (found != null) return found[1]
  }
  return undefined
}

/** Whether any error down the causes has the code. */
export function hasCode (error: unknown, code: string): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (errorCode(cause) === code) return true
  return false
}

/** The disk may be read but not written. */
export function isReadOnlyError (error: unknown): boolean {
  return ['EROFS', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')
}
