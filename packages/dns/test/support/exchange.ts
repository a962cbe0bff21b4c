/** The plainest way to send a message to a server. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { Exchange } from '../../src/write/updater.ts'

export const exchange: Exchange = async (message, server, { isTcp, signal }) => {
  const [host = '', port] = server.split(':')
  if (!isTcp) {
    const socket = createSocket('udp4')
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        socket.once('error', reject)
        socket.once('message', resolve)
        socket.connect(Number(port), host, () => { socket.send(message) })
      })
    } finally {
      socket.close()
    }
  }
  const socket = connect(Number(port), host)
  try {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    socket.write(Buffer.concat([length, message]))
    let bytes = Buffer.alloc(0)
    for await (const chunk of socket) {
      bytes = Buffer.concat([bytes, chunk as Buffer])
      if (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) return bytes.subarray(2, 2 + bytes.readUInt16BE(0))
    }
    throw new Error('the server hung up')
  } finally {
    socket.destroy()
  }
}
