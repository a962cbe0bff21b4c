/** The question of the libp2p form: a PTR query for the service. */
import type { Answer, Question } from 'dns-packet'
import type { QueryOutgoingPacket } from 'multicast-dns'
import type { DecodedPacket } from './transport.ts'

/** What we ask. No known answers yet: `@libp2p/mdns` would not look at them, and everyone's refresh is wanted. */
export function serviceQuery (serviceTag: string): QueryOutgoingPacket {
  return { questions: [{ name: serviceTag, type: 'PTR' }] }
}

/** What a query is held against: our records. */
export interface OwnNames {
  serviceTag: string
  /** The name that our PTR points to. */
  instance: string
  ttlSeconds: number
}

/**
 * Whether a packet asks for our records, and does not say itself that it has them: a known answer with at least half
 * its TTL left is not given again (RFC 6762 §7.1).
 */
export function isAskedForUs ({ questions, answers }: Pick<DecodedPacket, 'questions' | 'answers'>, own: OwnNames): boolean {
  return questions.some(question => isOurs(question, own)) && !answers.some(answer => isKnown(answer, own))
}

function isOurs ({ name, type, class: klass }: Question, { serviceTag, instance }: OwnNames): boolean {
  const wanted = name.toLowerCase()
  // `as string`: a hostile packet holds any type and class, and so does an honest one. dns-packet has no name for
  // "IN, unicast answer welcome" (RFC 6762 §5.4); we multicast that answer, which serves the asker as well.
  const isInternet = ['IN', 'ANY', 'UNKNOWN_32769'].includes(klass as string)
  return isInternet && (
    (wanted === serviceTag && (type === 'PTR' || type as string === 'ANY')) ||
    (wanted === instance && (type === 'TXT' || type as string === 'ANY'))
  )
}

function isKnown (answer: Answer, { serviceTag, instance, ttlSeconds }: OwnNames): boolean {
  return answer.type === 'PTR' && answer.name.toLowerCase() === serviceTag &&
    answer.data.toLowerCase() === instance && (answer.ttl ?? 0) >= ttlSeconds / 2
}
