/** DNS names as they are compared and asked. */
import { InvalidDnsRecordError, lowerName, show } from '@peerweave/interface'

/** RFC 1035 §2.3.4, as text: without the root's byte and the first length. */
const MAX_NAME = 253
/**
 * RFC 1035 §2.3.4. Any printable ASCII, for a server may well have names that are no host names (RFC 2181 §11), other than
 * `\`, which elsewhere begins an escape.
 */
const LABEL = /^[!-[\]-~]{1,63}$/

/** Lower case, without the dot at the end; the root stays `.`. */
export function plainName (name: string): string {
  const lower = lowerName(name)
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/** Whether a question can be about it. What a zone says may be anything. */
export function isAskable (name: string): boolean {
  return name.length <= MAX_NAME && name.split('.').every(label => LABEL.test(label))
}

/** @throws InvalidDnsRecordError naming it */
export function askableName (name: string): string {
  const plain = plainName(name)
  if (isAskable(plain)) return plain
  throw new InvalidDnsRecordError(`${show(name)} is not a name that can be asked for`)
}

/** The domain that a service name (RFC 2782) or a name like it is about: what follows its labels with an underscore. */
export function domainOf (name: string): string {
  return name.replace(/^(?:_[^.]*\.)+/, '')
}

export function isWithin (name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`)
}
