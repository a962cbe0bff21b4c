/** An Avahi daemon on a host of the LAN, with its tools. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '../../../../test/support/until.ts'
import type { LanHost } from '../../../../test/support/namespaces.ts'
import type { ChildProcess } from 'node:child_process'

const run = promisify(execFile)

/** One line of `avahi-browse --parsable`. */
export interface Browsed {
  /** `+` is there, `-` gone, `=` resolved. */
  sign: string
  interface: string
  family: string
  name: string
  type: string
  /** Resolved ones only, as the next ones. */
  host?: string
  address?: string
  port?: number
  /** Its strings. */
  txt?: string[]
}

export interface Avahi {
  /** What `avahi-browse` lists until all that is known is there, resolved where `-r` is given; ends by itself. */
  browse: (...args: string[]) => Promise<Browsed[]>
  /** Publishes until it is killed, which is a goodbye. */
  publish: (name: string, type: string, port: number, ...txt: string[]) => ChildProcess
}

/**
 * Resolves when it can be asked. It runs until the LAN is closed. `/run`, which namespaces share, is its own: D-Bus and
 * Avahi have their sockets there.
 */
export async function startAvahi (host: LanHost): Promise<Avahi> {
  const script = fileURLToPath(new URL('avahi.sh', import.meta.url))
  const daemon = host.spawn('unshare', ['--mount', 'sh', script], { stdio: 'ignore' })
  const inside = ['--target', String(daemon.pid), '--mount', '--net']
  const browse = async (...args: string[]): Promise<Browsed[]> => {
    // Of an instance that does not resolve it would wait for ever.
    const command = ['timeout', '10', 'avahi-browse', '--parsable', '--terminate', '--no-db-lookup', ...args]
    const { stdout } = await run('nsenter', [...inside, ...command])
      .catch((error: { stdout: string, code: number }) => {
        if (error.code === 124) return error
        throw error
      })
    return stdout.split('\n').filter(line => line !== '').map(browsedFrom)
  }
  await until(async () => browse('_nothing._tcp').then(() => true, () => false), 'avahi-daemon is there', 10_000)
  return {
    browse,
    publish: (name, type, port, ...txt) =>
      host.spawn('nsenter', [...inside, 'avahi-publish-service', name, type, String(port), ...txt], { stdio: 'ignore' })
  }
}

function browsedFrom (line: string): Browsed {
  const [sign = '', link = '', family = '', name = '', type = '', , host, address, port, txt] = line.split(';')
  return {
    sign,
    interface: link,
    family,
    // Spaces and the like are written `\032`, in decimal.
    name: name.replaceAll(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code))).replaceAll(/\\(.)/g, '$1'),
    type,
    ...(host !== undefined && {
      host, address: address!, port: Number(port), txt: [...txt!.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, string]) => string!)
    })
  }
}
