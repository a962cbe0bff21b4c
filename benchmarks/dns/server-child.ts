/**
 * A name server that has one answer, for machines without a real one: `node server-child.ts`. Writes its port. It says to
 * every question what the zone's service is, over UDP; names are not compressed, since
 * node:dns rejects an SRV target that is.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { CLASS_NUMBERS, encodeData, encodeRecord, TYPE_NUMBERS } from '../../packages/dns/src/write/wire.ts'
import { RECORDS } from './zone.ts'

const HEADER_BYTES = 12
/** Type and class of a question, after its name. */
const TYPE_AND_CLASS_BYTES = 4
/** A response, with authority. RFC 1035 §4.1.1. */
const FLAGS = 0x8400

const records = RECORDS.map(record => {
  return encodeRecord(record.name, TYPE_NUMBERS[record.type], CLASS_NUMBERS.IN, record.ttl, encodeData(record))
})
const socket = createSocket('udp4', (question, { port, address }) => {
  const message = Buffer.concat([question.subarray(0, question.indexOf(0, HEADER_BYTES) + 1 + TYPE_AND_CLASS_BYTES), ...records])
  for (const [i, value] of [FLAGS, 1, records.length, 0, 0].entries()) message.writeUInt16BE(value, 2 + 2 * i)
  socket.send(message, port, address)
})
socket.bind(0, '127.0.0.1')
await once(socket, 'listening')
console.log(socket.address().port)
