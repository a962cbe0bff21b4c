/** DNS names as they are compared and asked. What encodes a question checks nothing, and would ask for something else. */
import { InvalidDnsRecordError, lowerName, show } from '@peerweave/interface'
import { MAX_LABEL, MAX_NAME } from './client/constants.ts'

/**
 * Any printable ASCII, for a server may well have names that are no host names (RFC 2181 §11), other than `\`, which
 * elsewhere begins an escape; here a dot always ends a label.
 */
const LABELS = /^[!-[\]-~]+$/

/** Lower case, without the dot at the end; the root stays `.`. */
export function plainName (name: string): string {
  const lower = lowerName(name)
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/** Whether a question can be about it; about the root, nobody's is. What a zone says may be anything. */
export function isAskable (name: string): boolean {
  return faultOf(name) === undefined
}

/**
 * @returns it as {@link plainName} gives it
 * @throws InvalidDnsRecordError naming it and what is wrong: one of the user's is checked where it enters
 */
export function askableName (name: string): string {
  const plain = plainName(name)
  const fault = faultOf(plain)
  if (fault === undefined) return plain
  throw new InvalidDnsRecordError(`dns: no name: ${show(name)}: ${fault}`)
}

function faultOf (name: string): string | undefined {
  if (name.length > MAX_NAME) return `it is longer than ${MAX_NAME} characters`
  if (!LABELS.test(name)) return 'only printable ASCII without "\\" can be asked for; other letters have a form that begins with "xn--"'
  const isEach = name.split('.').every(label => label.length > 0 && label.length <= MAX_LABEL)
  return isEach ? undefined : `each label has 1 to ${MAX_LABEL} characters`
}

/** The domain that a service name (RFC 2782) or a name like it is about: what follows its labels with an underscore. */
export function domainOf (name: string): string {
  return name.replace(/^(?:_[^.]*\.)+/, '')
}

export function isWithin (name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`)
}
