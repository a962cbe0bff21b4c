/** Whether a name can be asked for: what encodes it checks nothing, and would ask for something else. */
import { InvalidDnsRecordError, show } from '@peerweave/interface'
import { MAX_LABEL, MAX_NAME } from './constants.ts'

/** Printable ASCII other than `\`, which elsewhere begins an escape; here a dot always ends a label. */
const LABELS = /^[!-[\]-~]+$/

/**
 * `name` without the dot at the end; the root stays `.`.
 *
 * @throws InvalidDnsRecordError - that is where a wrong one comes from: those of the user are checked where they enter
 */
export function queryName (name: string): string {
  if (name === '.') return name
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  const fault = bare.length > MAX_NAME
    ? `it is longer than ${MAX_NAME} characters`
    : !LABELS.test(bare)
        ? 'only printable ASCII without "\\" can be asked for; other letters have a form that begins with "xn--"'
        : bare.split('.').some(label => label.length === 0 || label.length > MAX_LABEL)
          ? `each label has 1 to ${MAX_LABEL} characters`
          : undefined
  if (fault !== undefined) throw new InvalidDnsRecordError(`dns: no name: ${show(name)}: ${fault}`)
  return bare
}
