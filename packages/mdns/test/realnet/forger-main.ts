/** On a host of the LAN: sends what it is told from the mDNS port, and hears what services the others offer. */
import { createSocket } from 'node:dgram'
import { decode, encode, type Answer } from 'dns-packet'
import { serve, tell } from './serve.ts'

/** An SRV record that was announced. */
export interface Offered {
  from: string
  name: string
  port: number
}

const socket = createSocket({ type: 'udp4', reuseAddr: true })
socket.on('message', (message, { address }) => {
  for (const record of decode(message).answers ?? []) {
    if (record.type === 'SRV') tell({ from: address, name: record.name, port: record.data.port } satisfies Offered)
  }
})

serve({
  /** @param address - of its interface */
  async open (address: string): Promise<void> {
    await new Promise<void>(resolve => { socket.bind(5353, resolve) })
    socket.addMembership('224.0.0.251', address)
    socket.setMulticastInterface(address)
    socket.setMulticastTTL(255)
  },
  /** Sends a response to the group. */
  async respond (...answers: Answer[]): Promise<void> {
    const packet = encode({ type: 'response', answers })
    await new Promise(resolve => { socket.send(packet, 5353, '224.0.0.251', resolve) })
  }
})
