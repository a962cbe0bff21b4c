/**
 * Packets that are meant to cost their reader. All of it built by hand: no encoder writes such things.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { peer } from '../../test/support/peers.ts'

// Types. RFC 1035 §3.2.2. What a NULL record holds is anybody's guess.
const NULL = 10
const PTR = 12
const TXT = 16
const HEADER_BYTES = 12
/** Of a record, besides its name and its data. RFC 1035 §4.1.3. */
const RECORD_BYTES = 10
/** RFC 6762 §17. */
const LONGEST = 9_000
/** Of random bytes. */
const NOISE = 1_400
/** As many as our own limit lets pass, so that it is not the count that they are refused for. */
const RECORDS = 60
/** Labels of one byte that fit a name of 255. RFC 1035 §2.3.4. */
const LABELS = 115

const SERVICE = dnsName('_p2p', '_udp', 'local')
const OTHER_SERVICE = dnsName('_other', '_udp', 'local')

/**
 * One of each kind, different every time: headers that claim 262,140 records, random bytes, 9,000 bytes, chains of
 * pointers, chains of labels; each once without and once with the name of the libp2p service, which may be what a reader
 * looks for first.
 */
export async function hostilePackets (): Promise<Buffer[]> {
  const id = String(await peer(randomInt(2 ** 31)))
  return [
    claimsManyRecords(), randomFrom(), longest(OTHER_SERVICE, id), pointerBomb(OTHER_SERVICE), labelBomb(OTHER_SERVICE),
    claimsManyRecords(SERVICE), randomFrom(SERVICE), longest(SERVICE, id), pointerBomb(SERVICE), labelBomb(SERVICE)
  ]
}

/** Four times 65,535, and at most a question to show for it. */
function claimsManyRecords (question: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([header(65_535, 65_535, 65_535, 65_535), question])
}

/** Nothing but random bytes, or a first record as it should be and random bytes where seven others should be. */
function randomFrom (service?: Buffer): Buffer {
  const noise = randomBytes(randomInt(64, NOISE))
  return service == null ? noise : Buffer.concat([header(0, 8), record(service, PTR, service), noise])
}

/** 9,000 bytes of records without a fault, with an address each that nobody has, of a peer that is not there. */
function longest (service: Buffer, id: string): Buffer {
  const instance = Buffer.concat([dnsName(randomBytes(16).toString('hex')).subarray(0, -1), service])
  const first = record(service, PTR, instance)
  const name = pointer(HEADER_BYTES + first.length - instance.length)
  const room = LONGEST - HEADER_BYTES - first.length
  const records = Array.from({ length: RECORDS - 1 }, (_, i) => {
    const text = `dnsaddr=/ip4/10.77.${randomInt(256)}.${randomInt(256)}/tcp/${randomInt(1, 65_536)}/p2p/${id}`
    // To the byte: what is left of its share goes into a string of its own that means nothing.
    const share = Math.floor(room * (i + 1) / (RECORDS - 1)) - Math.floor(room * i / (RECORDS - 1))
    return record(name, TXT, Buffer.concat([dnsText(text), dnsText('x'.repeat(share - name.length - RECORD_BYTES - text.length - 2))]))
  })
  return Buffer.concat([header(0, RECORDS), first, ...records])
}

/** Every name is a pointer to a pointer to a pointer …, as many as fit. */
function pointerBomb (service: Buffer): Buffer {
  const chainAt = HEADER_BYTES + service.length + RECORD_BYTES
  const links = Math.floor((LONGEST - chainAt - RECORDS * (3 + RECORD_BYTES)) / 2)
  const chain = Array.from({ length: links }, (_, i) => pointer(i === 0 ? HEADER_BYTES : chainAt + 2 * (i - 1)))
  const bombs = Array.from({ length: RECORDS }, () => record(pointer(chainAt + 2 * (links - 1)), TXT, dnsText('')))
  return Buffer.concat([header(0, 1 + RECORDS), record(service, NULL, Buffer.concat(chain)), ...bombs])
}

/**
 * Names that are as long as a name may be, a label of one byte and a pointer in turn: within every rule of the format.
 * The service is where they all end, and they are said to be instances of it.
 */
function labelBomb (service: Buffer): Buffer {
  const chainAt = HEADER_BYTES + service.length + RECORD_BYTES
  const chain = Array.from({ length: LABELS }, (_, i) => {
    return Buffer.concat([Buffer.of(1, randomInt(0x61, 0x7b)), pointer(i === 0 ? HEADER_BYTES : chainAt + 4 * (i - 1))])
  })
  const bombs = Array.from({ length: RECORDS }, () => record(pointer(HEADER_BYTES), PTR, pointer(chainAt + 4 * (LABELS - 1))))
  return Buffer.concat([header(0, 1 + RECORDS), record(service, NULL, Buffer.concat(chain)), ...bombs])
}

/** A response's. */
function header (...counts: number[]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt16BE(0x8400, 2)
  for (const [i, count] of counts.entries()) bytes.writeUInt16BE(count, 4 + 2 * i)
  return bytes
}

function record (name: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(RECORD_BYTES)
  fixed.writeUInt16BE(type)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(120, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([name, fixed, data])
}

function dnsName (...labels: string[]): Buffer {
  return Buffer.concat([...labels.map(dnsText), Buffer.of(0)])
}

/** Labels are written like the strings of a TXT record. */
function dnsText (text: string): Buffer {
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text)])
}

/** RFC 1035 §4.1.4. */
function pointer (to: number): Buffer {
  return Buffer.of(0xc0 | to >> 8, to & 0xff)
}
