/** What we are called in the DNS-SD form. */
import { lowerName } from '@peerweave/interface'

/** Names that somebody else may have too, and what they become then. One for all links. */
export class ContestedNames {
  readonly #wanted: { readonly instance: string, readonly host: string }
  #instanceTry = 1
  #hostTry = 1

  constructor (wanted: { readonly instance: string, readonly host: string }) {
    this.#wanted = wanted
  }

  /** The instance's label. A person may read it: `Kitchen (2)`, as RFC 6763 appendix D has it. */
  get instance (): string {
    return numbered(this.#wanted.instance, this.#instanceTry, n => ` (${n})`)
  }

  /** The host's label. */
  get host (): string {
    return numbered(this.#wanted.host, this.#hostTry, n => `-${n}`)
  }

  /** Takes the next name in place of the one that turned out to be another's; no matter how many links say so. */
  giveUp (label: string): void {
    if (label === lowerName(this.instance)) this.#instanceTry++
    if (label === lowerName(this.host)) this.#hostTry++
  }
}

/** Bytes of a label. RFC 1035 §2.3.4. */
const MAX_LABEL_BYTES = 63

function numbered (label: string, n: number, suffix: (n: number) => string): string {
  if (n === 1) return label
  const end = suffix(n)
  let start = label
  while (Buffer.byteLength(start + end) > MAX_LABEL_BYTES || !start.isWellFormed()) start = start.slice(0, -1)
  return start + end
}
