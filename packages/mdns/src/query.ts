/** What we ask, and what we know already and need not be told. RFC 6762 §5, §7. */
import { limits } from '@peerweave/interface'
import { TRUNCATED_RESPONSE, encodingLength, type Answer, type Question } from 'dns-packet'
import type { QueryOutgoingPacket } from 'multicast-dns'

/** Bytes of a packet's header. RFC 1035 §4.1.1. */
const HEADER_BYTES = 12

/**
 * The questions with all known answers, in as many packets as `limits.mdnsAnswerBytes` and `limits.mdnsRecords` ask for;
 * each but the last says that more follow (RFC 6762 §7.2).
 */
export function queryPackets (questions: readonly Question[], known: readonly Answer[]): QueryOutgoingPacket[] {
  const packets: Array<QueryOutgoingPacket & { answers: Answer[] }> = [{ questions: [...questions], answers: [] }]
  let bytes = encodingLength({ questions: [...questions] })
  let records = questions.length
  for (const answer of known) {
    const more = encodingLength({ answers: [answer] }) - HEADER_BYTES
    if (bytes + more > limits.mdnsAnswerBytes || records === limits.mdnsRecords) {
      packets.push({ questions: [], answers: [] })
      bytes = HEADER_BYTES
      records = 0
    }
    packets.at(-1)?.answers.push(answer)
    bytes += more
    records++
  }
  return packets.map((packet, i) => i < packets.length - 1 ? { ...packet, flags: TRUNCATED_RESPONSE } : packet)
}
