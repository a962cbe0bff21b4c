/** Asks name servers, one after the other, until one answers. */
import { randomInt } from 'node:crypto'
import {
  DnsError, limits, numberOption, show, Slots, systemClock, throwIfAborted, TimeoutError, toError,
  type Clock, type DropCounter
} from '@peerweave/interface'
import { LAST_GOOD_FOR, MAX_MESSAGE_BYTES, MAX_TIMEOUT_OPTION, TIMEOUT } from './constants.ts'
import { askHttps } from './https.ts'
import { encodeQuestion, readAnswer, type Reading } from './message.ts'
import { isResponseTo, messageId } from './message-guard.ts'
import { parseServer, parseServers, systemServers, type Server } from './servers.ts'
import { askTcp } from './tcp.ts'
import { udp, type UdpSockets } from './udp.ts'
import { askableName } from '../names.ts'
import type { DnsAnswer, Query, RecordType } from '../records.ts'
import type { AskInit, Attempt } from './ask.ts'

export interface DnsClientInit {
  /**
   * Whom to ask, the first one first: `127.0.0.1:5301`, `[::1]:53`, an address alone for port 53, or `https://…`.
   *
   * @default what the system is set to, looked at again every few seconds
   */
  servers?: readonly string[] | undefined
  /** One look-up with all servers that it takes, ms. Each has its share of what is left. @default {@link TIMEOUT} */
  timeout?: number | undefined
  /** @default 'pool' */
  sockets?: UdpSockets | undefined
  /** @default systemClock() */
  clock?: Clock | undefined
  /**
   * Counts `not-ours` (a late, duplicate or wrong answer over UDP), `malformed` (an answer), `dotted-label` and
   * `too-many-strings` (a record).
   */
  drop?: DropCounter | undefined
}

export interface DnsClient {
  /**
   * An answer with code NOERROR or NXDOMAIN.
   *
   * Rejects with InvalidDnsRecordError when the name cannot be asked for, and LimitExceededError when too many are waiting.
   */
  query: Query
  /**
   * One message to one server, and what comes back with the same id: for who makes and checks messages of his own. Over
   * UDP it is sent again, and may be answered truncated.
   *
   * @throws TypeError, TimeoutError, AbortError, or what befell the connection
   */
  exchange: (message: Uint8Array, server: string, options: { isTcp: boolean, signal?: AbortSignal | undefined }) => Promise<Uint8Array>
  /** Ends what is under way with AbortError. Nothing can be asked afterwards. */
  close: () => Promise<void>
}

/** Opens nothing before the first look-up. @throws TypeError */
export function dnsClient (init: DnsClientInit = {}): DnsClient {
  const { clock = systemClock(), drop = () => {}, sockets = 'pool' } = init
  if (sockets !== 'pool' && sockets !== 'single') throw new TypeError(`sockets must be 'pool' or 'single', got ${show(sockets)}`)
  const timeout = numberOption('timeout', init.timeout, TIMEOUT, { min: 1, max: MAX_TIMEOUT_OPTION })
  const given = init.servers === undefined ? undefined : parseServers(init.servers)
  const servers = given === undefined ? systemServers(clock) : () => given
  const slots = new Slots(limits.dnsQueries, limits.dnsQueryQueue)
  const closing = new AbortController()
  const datagrams = udp({ clock, sockets, drop })
  /** It is asked first for a while: one that is down costs its share of each look-up. */
  let lastGood: { text: string, until: number } | undefined

  const inOrder = (): Server[] => {
    const all = servers()
    const first = lastGood !== undefined && clock.now() < lastGood.until ? lastGood.text : undefined
    return [...all.filter(({ text }) => text === first), ...all.filter(({ text }) => text !== first)]
  }

  /** One server, over all the ways that it may take. */
  const askServer = async (
    server: Server, name: string, type: RecordType, { budget, signal }: AskInit
  ): Promise<Omit<DnsAnswer, 'server'>> => {
    const end = clock.now() + budget
    const rest = (): AskInit => ({ budget: Math.max(0, end - clock.now()), signal })
    const ask = async (hasEdns: boolean): Promise<Reading> => {
      const attempt = (): Attempt<Exclude<Reading, undefined>> => {
        // Over HTTPS the id is always the same, RFC 8484 §4.1: nobody can answer in the server's place.
        const sent = encodeQuestion({ id: server.kind === 'https' ? 0 : randomInt(0x1_0000), name, type, hasEdns })
        return { message: sent, read: message => readAnswer(message, sent, drop) }
      }
      if (server.kind === 'https') return askHttps(clock, server, attempt(), rest())
      const reading = await datagrams.ask(server, attempt, rest())
      return reading === 'truncated' ? askTcp(clock, server, attempt(), rest()) : reading
    }
    let reading = await ask(true)
    // It may be older than EDNS. RFC 6891 §7.
    if (typeof reading === 'object' && reading.code === 'FORMERR') reading = await ask(false)
    if (typeof reading !== 'object') throw new DnsError('its answer is truncated where it need not be')
    if (reading.code !== 'NOERROR' && reading.code !== 'NXDOMAIN') throw new DnsError(`it answered ${reading.code}`)
    return reading
  }

  /** @param signal - of the look-up's deadline, too */
  const askAll = async (name: string, type: RecordType, signal: AbortSignal, end: number): Promise<DnsAnswer> => {
    const order = inOrder()
    const failures: Error[] = []
    for (const [i, server] of order.entries()) {
      try {
        const answer = await askServer(server, name, type, { budget: (end - clock.now()) / (order.length - i), signal })
        const now = clock.now()
        if (server.text !== lastGood?.text || now >= lastGood.until) lastGood = { text: server.text, until: now + LAST_GOOD_FOR }
        return { ...answer, server: server.text }
      } catch (cause) {
        const error = toError(cause)
        if (error.name === 'InvalidDnsRecordError') drop('malformed')
        failures.push(new DnsError(`${server.text}: ${error.message}`, { cause: error }))
      }
    }
    const what = order.length === 0 ? 'the system has no name server' : failures.map(({ message }) => message).join('; ')
    throw new DnsError(`dns: no answer to ${type} ${show(name)}: ${what}`, { cause: new AggregateError(failures, what) })
  }

  return {
    async query (name, type, { signal } = {}) {
      const asked = askableName(name)
      const throwIfOver = (): void => {
        throwIfAborted(signal)
        throwIfAborted(closing.signal)
      }
      throwIfOver()
      const end = clock.now() + timeout
      using deadline = clock.deadline(timeout, signal, closing.signal)
      try {
        const release = await slots.take(deadline.signal)
        try {
          // Called up by one whose time was over in the same moment.
          if (clock.now() >= end) throw new TimeoutError(`no turn in ${timeout} ms`)
          return await askAll(asked, type, deadline.signal, end)
        } finally {
          release()
        }
      } catch (error) {
        throwIfOver()
        if (!(error instanceof TimeoutError)) throw error
        throw new DnsError(`dns: ${type} ${show(name)} was not asked: too many others are`, { cause: error })
      }
    },
    async exchange (message, serverText, { isTcp, signal }) {
      const server = parseServer(serverText)
      if (server.kind !== 'socket') throw new TypeError(`only a server with an IP address can be sent a message, got ${show(serverText)}`)
      if (messageId(message) === undefined) throw new TypeError(`a message has 12 to ${MAX_MESSAGE_BYTES} bytes, got ${message.length}`)
      throwIfAborted(signal)
      throwIfAborted(closing.signal)
      using deadline = clock.deadline(Infinity, signal, closing.signal)
      const attempt: Attempt<Uint8Array> = { message, read: answer => isResponseTo(message, answer) ? answer : undefined }
      const init: AskInit = { budget: timeout, signal: deadline.signal }
      // From sockets of its own: its id may be another's, and cannot be changed.
      return await (isTcp ? askTcp(clock, server, attempt, init) : datagrams.ask(server, () => attempt, { ...init, sockets: 'single' }))
    },
    async close () {
      closing.abort(new Error('the DNS client was closed'))
      await datagrams.close()
    }
  }
}
