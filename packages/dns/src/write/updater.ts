/** Sends updates to a zone's primary server, and finds out whether they were made. */
import { randomInt } from 'node:crypto'
import { DnsError, show, toError, type Clock } from '@peerweave/interface'
import { signMessage, verifyAnswer, type Signed, type TsigKey } from './tsig.ts'
import { encodeUpdate, type Change, type Prerequisite } from './update.ts'

/** Sends a message to a server and gives what it answers. Rejects when nothing comes. */
export interface Exchange {
  (message: Uint8Array, server: string, options: { isTcp: boolean, signal?: AbortSignal | undefined }): Promise<Uint8Array>
}

export interface UpdaterInit {
  exchange: Exchange
  clock: Clock
  zone: string
  /** The primary, `127.0.0.1:53` or `[::1]:53`; further ones are tried when it does not answer. */
  servers: readonly string[]
  /** Without it updates are not signed, and neither are their answers. */
  key?: TsigKey | undefined
}

export interface UpdateOptions {
  prerequisites?: readonly Prerequisite[] | undefined
  signal?: AbortSignal | undefined
}

/** Response codes of updates. RFC 2136 §2.2. */
const CODES = [
  'NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'
] as const
/** A prerequisite did not hold. */
const UNMET: readonly string[] = ['NXDOMAIN', 'YXDOMAIN', 'YXRRSET', 'NXRRSET']
/** Without EDNS a UDP message has no more. RFC 1035 §4.2.1. */
const MAX_UDP_BYTES = 512
const QR = 0x8000
const TC = 0x0200

/** `unmet`: a prerequisite did not hold, and nothing was changed. */
export type UpdateResult = 'made' | 'unmet'

export class Updater {
  readonly #init: UpdaterInit
  /** What the server's clock was ahead of ours when it last complained, seconds. */
  #offset = 0

  constructor (init: UpdaterInit) {
    this.#init = init
  }

  /**
   * Never `unmet` without prerequisites.
   *
   * @throws DnsError naming each server and what it said, when it was not made or nobody can know
   */
  async update (changes: readonly Change[], { prerequisites = [], signal }: UpdateOptions = {}): Promise<UpdateResult> {
    const { zone, servers } = this.#init
    const message = encodeUpdate({ id: randomInt(0x10000), zone, prerequisites, changes })
    const errors: Error[] = []
    for (const server of servers) {
      signal?.throwIfAborted()
      try {
        const code = await this.#updateAt(server, message, signal)
        if (code === 'NOERROR') return 'made'
        if (prerequisites.length > 0 && UNMET.includes(code)) return 'unmet'
        throw new DnsError(`refused with ${code}${explanation(code)}`)
      } catch (error) {
        signal?.throwIfAborted()
        errors.push(toError(error))
      }
    }
    throw new DnsError(
      `update of the zone ${show(zone)} failed: ${servers.map((server, i) => `${server}: ${errors[i]?.message ?? 'not tried'}`).join('; ')}`,
      { cause: errors.length === 1 ? errors[0] : new AggregateError(errors) }
    )
  }

  /** @returns the code of its answer */
  async #updateAt (server: string, message: Uint8Array, signal: AbortSignal | undefined): Promise<string> {
    const { clock, key } = this.#init
    const now = (): number => Math.round(clock.wall() / 1_000) + this.#offset
    for (let attempt = 0; ; attempt++) {
      const signed: Signed = key == null ? { message, mac: new Uint8Array() } : signMessage(message, key, now())
      const answer = await this.#ask(server, signed.message, signal)
      if (key != null) {
        const verified = verifyAnswer(answer, key, signed.mac, now())
        if (!verified.isOk) {
          // Its clock, once: a second complaint is not about time.
          if (attempt > 0) throw new DnsError('the server refuses the time of our signature, also by its own clock (BADTIME)')
          this.#offset += verified.serverTime - now()
          continue
        }
      }
      return CODES[Buffer.from(answer).readUInt16BE(2) & 0xf] ?? 'an unknown code'
    }
  }

  async #ask (server: string, message: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { exchange } = this.#init
    let isTcp = message.length > MAX_UDP_BYTES
    for (;;) {
      const answer = Buffer.from(await exchange(message, server, { isTcp, signal }))
      if (answer.length < 12 || answer.readUInt16BE(0) !== Buffer.from(message).readUInt16BE(0) || (answer.readUInt16BE(2) & QR) === 0) {
        throw new DnsError('what came is not the answer to the update')
      }
      if (isTcp || (answer.readUInt16BE(2) & TC) === 0) return answer
      isTcp = true
    }
  }
}

function explanation (code: string): string {
  switch (code) {
    case 'REFUSED': return ': its policy does not let us, or wants a key'
    case 'NOTAUTH': return ': it does not hold the zone, or does not know the key'
    case 'NOTZONE': return ': a name is not in the zone'
    case 'NOTIMP': return ': it takes no updates'
    default: return ''
  }
}
