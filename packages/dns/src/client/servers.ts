/** Which servers are asked: the system's, or those that the user names. */
import { Resolver } from 'node:dns'
import { isIP } from 'node:net'
import { limits, show, type Clock } from '@peerweave/interface'
import { PORT, SERVERS_AGE } from './constants.ts'

export type Server = SocketServer | HttpsServer

/** Asked over UDP and TCP. */
export interface SocketServer {
  readonly kind: 'socket'
  /** `127.0.0.1:53` or `[::1]:53`. */
  readonly text: string
  /** A link-local IPv6 address has its zone: `fe80::1%eth0`. */
  readonly address: string
  readonly port: number
  readonly family: 4 | 6
}

/** RFC 8484. */
export interface HttpsServer {
  readonly kind: 'https'
  /** Its URL. */
  readonly text: string
}

const WHAT = 'an IP address, one with a port ("127.0.0.1:5301", "[::1]:53"), or a URL that begins with "https://"'

/** Hosts that plain HTTP reaches without leaving the machine. */
const LOCAL_HOSTS: readonly string[] = ['127.0.0.1', '[::1]', 'localhost']

/**
 * @param option - what it is called in errors
 * @throws TypeError
 */
export function parseServer (text: string, option = 'servers'): Server {
  const server = typeof text !== 'string' ? undefined : text.includes('://') ? httpsServer(text) : socketServer(text)
  if (server === undefined) throw new TypeError(`${option}: a name server is ${WHAT}, got ${show(text)}`)
  return server
}

/**
 * The servers that the user names, each once.
 *
 * @throws TypeError
 */
export function parseServers (texts: readonly string[]): readonly Server[] {
  if (!Array.isArray(texts) || texts.length === 0 || texts.length > limits.dnsServers) {
    throw new TypeError(`servers must be an array of 1 to ${limits.dnsServers} name servers, got ${show(texts)}`)
  }
  return unique(texts.map(text => parseServer(text)))
}

/**
 * What the system is set to, looked at again every so often: a laptop gets other servers with another network.
 *
 * @param read - @default as a new resolver of the platform is given them: the one that it keeps does not look again
 */
export function systemServers (clock: Clock, read: () => readonly string[] = () => new Resolver().getServers()): () => readonly Server[] {
  let servers: readonly Server[] = []
  let readAt = -Infinity
  return () => {
    const now = clock.now()
    if (now - readAt >= SERVERS_AGE) {
      servers = unique(read().flatMap(text => socketServer(text) ?? [])).slice(0, limits.dnsServers)
      readAt = now
    }
    return servers
  }
}

function unique (servers: readonly Server[]): readonly Server[] {
  return [...new Map(servers.map(server => [server.text, server])).values()]
}

function socketServer (text: string): SocketServer | undefined {
  const [, inBrackets, bare, portText] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [undefined, undefined, text]
  const address = inBrackets ?? bare
  const port = portText === undefined ? PORT : Number(portText)
  const family = isIP(address)
  if (family === 0 || family === 4 && inBrackets !== undefined || port < 1 || port > 65_535) return undefined
  return { kind: 'socket', text: family === 4 ? `${address}:${port}` : `[${address}]:${port}`, address, port, family: family as 4 | 6 }
}

function httpsServer (text: string): HttpsServer | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const isSafe = url.protocol === 'https:' || url.protocol === 'http:' && LOCAL_HOSTS.includes(url.hostname)
  // Credentials in it would be shown with every error.
  if (!isSafe || url.username !== '' || url.password !== '') return undefined
  return { kind: 'https', text: url.href }
}
