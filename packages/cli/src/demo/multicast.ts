/** Whether multicast works on loopback here, and a port of our own to use it on. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { systemClock } from '@peerweave/interface'
import { MULTICAST_PATIENCE } from './constants.ts'

/** The mDNS group, RFC 6762 §3. */
const GROUP = '224.0.0.251'

/**
 * Sends one packet to the mDNS group on a free port of loopback and waits for it.
 *
 * @returns the port, or why there is no multicast
 */
export async function probeLoopbackMulticast (): Promise<{ port: number } | { reason: string }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  using deadline = systemClock().deadline(MULTICAST_PATIENCE)
  try {
    socket.bind(0, '0.0.0.0')
    await once(socket, 'listening', { signal: deadline.signal })
    socket.addMembership(GROUP, '127.0.0.1')
    socket.setMulticastInterface('127.0.0.1')
    socket.setMulticastLoopback(true)
    const { port } = socket.address()
    const heard = once(socket, 'message', { signal: deadline.signal })
    await send(socket, port)
    await heard
    return { port }
  } catch (error) {
    return { reason: deadline.signal.aborted ? 'a packet sent to the group did not come back' : (error as Error).message }
  } finally {
    socket.close()
  }
}

async function send (socket: Socket, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.send('peerweave', port, GROUP, error => error == null ? resolve() : reject(error))
  })
}
