/** Names of DNS-SD: what a service type, a domain, an instance and a subtype may be. */
import { lowerName, show } from '@peerweave/interface'

/** A service as it is browsed for and announced. */
export interface ServiceName {
  /** Lower case, no dot at the end: `_olocus._tcp.local`. */
  readonly fqdn: string
  /** `_olocus._tcp`. */
  readonly type: string
  readonly domain: string
  readonly transport: 'tcp' | 'udp'
}

/** RFC 6335 §5.1: 1 to 15 letters, digits and single hyphens between them, and a letter somewhere. */
const TYPE = /^_(?=[a-z0-9-]{1,15}\._)(?=[0-9-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*\._(tcp|udp)$/
/** A label of a domain, RFC 1035 §2.3.1 with the underscore of RFC 6763 §7. */
const DOMAIN_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
/** Leaves room for a subtype's label of 63 and `_sub` in front, within RFC 1035's 255 bytes. */
const MAX_LENGTH = 184
/** RFC 1035 §2.3.4. */
const MAX_LABEL_BYTES = 63

/**
 * @param option - what the user calls the type
 * @param type - `_name._tcp` or `_name._udp`, RFC 6763 §7
 * @param domain - where it is announced; a dot at its end is left out
 * @throws TypeError naming the option, what it may be and what it was
 */
export function serviceName (option: string, type: unknown, domain: unknown): ServiceName {
  const lowerType = typeof type === 'string' ? lowerName(type) : ''
  const transport = TYPE.exec(lowerType)?.[1]
  if (transport !== 'tcp' && transport !== 'udp') {
    throw new TypeError(
      `${option} must be "_name._tcp" or "_name._udp" with a name of 1 to 15 letters, digits and single inner hyphens, ` +
      `at least one of them a letter (RFC 6763 §7), got ${show(type)}`
    )
  }
  const lowerDomain = typeof domain === 'string' ? lowerName(domain).replace(/\.$/, '') : ''
  const fqdn = `${lowerType}.${lowerDomain}`
  if (fqdn.length > MAX_LENGTH || !lowerDomain.split('.').every(label => DOMAIN_LABEL.test(label))) {
    throw new TypeError(`the domain of ${option} must be a DNS name, with the type at most ${MAX_LENGTH} characters, got ${show(domain)}`)
  }
  return Object.freeze({ fqdn, type: lowerType, domain: lowerDomain, transport })
}

/**
 * The label in front of the service, for people to read (RFC 6763 §4.1.1), in the normal form that RFC 5198 wants.
 *
 * @throws TypeError naming the option, what it may be and what it was
 */
export function instanceLabel (option: string, value: unknown): string {
  return label(option, value)
}

/**
 * The label in front of `_sub` (RFC 6763 §7.1), in lower case.
 *
 * @throws TypeError naming the option, what it may be and what it was
 */
export function subtypeLabel (option: string, value: unknown): string {
  return lowerName(label(option, value))
}

function label (option: string, value: unknown): string {
  const text = typeof value === 'string' && value.isWellFormed() ? value.normalize('NFC') : ''
  if (text === '' || Buffer.byteLength(text) > MAX_LABEL_BYTES || /[\p{Cc}.]/u.test(text)) {
    throw new TypeError(
      `${option} must be 1 to ${MAX_LABEL_BYTES} bytes of UTF-8 without control characters, and without "." because ` +
      `dns-packet cannot escape one, got ${show(value)}`
    )
  }
  return text
}

/**
 * Whether a name that was heard can be put into a question as it was. dns-packet joins labels with dots and reads what
 * is no UTF-8 as U+FFFD, so a name can have come from another one on the wire.
 */
export function isAskable (name: string): boolean {
  return Buffer.byteLength(name) <= 253 && !/[\p{Cc}\ufffd]/u.test(name) &&
    name.split('.').every(label => label !== '' && Buffer.byteLength(label) <= MAX_LABEL_BYTES)
}
