/**
 * Somebody on the link who means harm: `node hostile-child.ts --address IP [--port PORT]`. Sends hostile packets from
 * the mDNS port, as the real ones come from there, beginning with the first line on stdin; answers the next with {@link Sent}.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { hostilePackets } from './hostile-packets.ts'
import { HOSTILE_RATE, monotonic, type Sent } from './messages.ts'

const GROUP = '224.0.0.251'
/** ms between bursts: a timer that fires for each packet would be late. */
const BURST_INTERVAL = 5
/** Rounds of all kinds, made beforehand. */
const ROUNDS = 50

const { values: { address = '', port } } = parseArgs({ options: { address: { type: 'string' }, port: { type: 'string' } } })
const packets: Buffer[] = []
for (let i = 0; i < ROUNDS; i++) packets.push(...await hostilePackets())

const socket = createSocket({ type: 'udp4', reuseAddr: true })
// On the loopback interface another address than the honest ones have: the rate of a source is nobody else's.
socket.bind(Number(port ?? 5353), port === undefined ? address : '127.0.0.2')
await once(socket, 'listening')
socket.setMulticastInterface(address)
let [sent, startedAt] = [0, 0]
say({ sent, ms: 0 })

for await (const _ of createInterface({ input: process.stdin })) {
  if (startedAt === 0) {
    startedAt = monotonic()
    setInterval(burst, BURST_INTERVAL)
  } else {
    say({ sent, ms: monotonic() - startedAt })
  }
}

/** As many as are due. */
function burst (): void {
  const due = (monotonic() - startedAt) * HOSTILE_RATE / 1_000
  for (; sent < due; sent++) socket.send(packets[sent % packets.length] as Buffer, Number(port ?? 5353), GROUP)
}

function say (message: Sent): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
