/** On the victim's host: listeners at every address of it that nobody has any business to connect to, but for the public ones. */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { serve } from '../../packages/mdns/test/realnet/serve.ts'
import { portOf, SOURCES } from './forbidden-vectors.ts'

/** How often, by protocol, port and address; of a Unix socket by its name. */
let hits: Record<string, number> = {}

function hit (what: string): void {
  hits[what] = (hits[what] ?? 0) + 1
}

serve({
  /** @param folder - for Unix sockets */
  async open (folder: string): Promise<void> {
    for (const source of SOURCES) {
      const port = portOf(source)
      const tcp = createServer(socket => {
        hit(`tcp ${port} ${socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '')}`)
        socket.on('error', () => {}).destroy()
      })
      await new Promise<void>(resolve => { tcp.listen({ port, host: '::', backlog: 1_024 }, resolve) })
      const unix = createServer(socket => {
        hit(`unix ${port}`)
        socket.on('error', () => {}).destroy()
      })
      await new Promise<void>(resolve => { unix.listen(join(folder, `${source}.sock`), resolve) })
      // Where it was sent to only the sender knows: it says so.
      const udp = createSocket('udp6').on('message', message => hit(`udp ${port} ${message}`))
      await new Promise<void>(resolve => { udp.bind(port, '::', resolve) })
    }
  },
  /** Connects to each, to see whether a connection would be counted. @returns those where none is */
  async deafTo (ips: string[], port: number): Promise<string[]> {
    const deaf: string[] = []
    for (const host of ips) {
      const isThere = await new Promise<boolean>(resolve => {
        const socket = connect({ port, host }).on('connect', () => resolve(true)).on('error', () => resolve(false))
        setTimeout(() => socket.destroy(new Error('too late')), 1_000).unref()
      })
      if (!isThere) deaf.push(host)
    }
    return deaf
  },
  /** @returns what was hit since it was taken last */
  take (): Record<string, number> {
    const found = hits
    hits = {}
    return found
  },
  hits: () => hits
})
