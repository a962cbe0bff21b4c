/**
 * Counts what passes on the link, both families, and says nothing there: `node observer-child.ts --address IP`. Each
 * line on stdin is answered with the {@link Traffic} so far.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { monotonic, type Traffic } from './messages.ts'

const PORT = 5353
/** QR, the first bit after the id. RFC 1035 §4.1.1. */
const IS_ANSWER = 0x80

const { values: { address = '' } } = parseArgs({ options: { address: { type: 'string' } } })
const [name = ''] = Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some(own => own.address === address)) ?? []
const traffic = { queries: 0, answers: 0, bytes: 0 }
await listen(createSocket({ type: 'udp4', reuseAddr: true }), '224.0.0.251', address)
await listen(createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true }), 'ff02::fb', `::%${name}`)
say()
createInterface({ input: process.stdin }).on('line', say)

async function listen (socket: Socket, group: string, onInterface: string): Promise<void> {
  socket.on('message', packet => {
    traffic.bytes += packet.length
    if (((packet[2] ?? 0) & IS_ANSWER) === 0) traffic.queries++
    else traffic.answers++
  })
  socket.bind(PORT)
  await once(socket, 'listening')
  socket.addMembership(group, onInterface)
}

function say (): void {
  const message: Traffic = { at: monotonic(), ...traffic }
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
