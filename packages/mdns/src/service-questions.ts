/** What to ask of one instance of a service, beside the PTR that points to it. */
import { QUERY_INTERVAL } from './constants.ts'
import { isAskable, type ServiceName } from './service-name.ts'
import { FAMILIES, type Asked, type Host, type Instance } from './service-sources.ts'
import type { DropCounter } from '@peerweave/interface'
import type { Question } from 'dns-packet'

/** Questions that one packet may cause. Chosen: no more than the records of an instance and the addresses of its host, twice. */
const MAX_QUESTIONS = 8
/** How often the same thing is asked for until its service is pointed to again. Chosen: as often as a lost packet is repeated. */
const MAX_ATTEMPTS = 3

export interface AskInit {
  service: ServiceName
  /** Counts `unresolvable-name`: a question that cannot be asked, see {@link isAskable}. */
  drop: DropCounter
}

/** What keeps it. */
export function questionsFor (instance: Instance, service: ServiceName): Question[] {
  const { name, txt, host } = instance
  const questions: Question[] = []
  if (isOneLabel(name, service)) questions.push({ name, type: 'SRV' }, { name, type: 'TXT' })
  if (host != null && (txt?.content?.addresses.length ?? 0) === 0) {
    const known = familiesOf(host)
    questions.push(...(known.length > 0 ? known : FAMILIES).map(type => ({ name: host.name, type })))
  }
  return questions.filter(({ name }) => isAskable(name))
}

/**
 * Adds what is missing of it to `questions`, as far as one packet may cause them: each at most once a second, and
 * {@link MAX_ATTEMPTS} times.
 */
export function askMissing (instance: Instance, questions: Question[], { service, drop }: AskInit, now: number): void {
  const { name, srv, txt, noTextUntil, host, asked } = instance
  const ask = (asked: Asked, name: string, type: Question['type'], isPossible: boolean): boolean => {
    const attempts = asked.get(type) ?? { at: -Infinity, count: 0 }
    if (questions.length >= MAX_QUESTIONS || attempts.count >= MAX_ATTEMPTS || now - attempts.at < QUERY_INTERVAL) return false
    asked.set(type, { at: now, count: attempts.count + 1 })
    if (isPossible && isAskable(name)) questions.push({ name, type })
    else drop('unresolvable-name')
    return true
  }
  const isPossible = isOneLabel(name, service)
  if (srv == null) ask(asked, name, 'SRV', isPossible)
  if (txt == null && noTextUntil <= now && ask(asked, name, 'TXT', isPossible)) {
    instance.textAskedAt = Math.min(instance.textAskedAt, now)
  }
  if (host == null || srv?.data.port === 0 || (txt != null && txt.content?.addresses.length !== 0)) return
  if (familiesOf(host).length > 0) return
  for (const type of FAMILIES) ask(host.asked, host.name, type, true)
}

/** What came, or may come now, is asked for anew when it is missing: no sooner than it was, but as often. */
export function forgive (asked: Asked, type?: Question['type']): void {
  for (const [key, attempts] of asked) {
    if (type == null || type === key) attempts.count = 0
  }
}

/** Whether there seems to be no text, as far as none is known. */
export function lacksText ({ noTextUntil, textAskedAt }: Instance, now: number): boolean {
  return noTextUntil > now || now - textAskedAt >= QUERY_INTERVAL
}

function familiesOf ({ addresses }: Host): Array<typeof FAMILIES[number]> {
  return FAMILIES.filter(type => addresses[type].size > 0)
}

/** dns-packet joins labels with dots: what looks like several in front of the service may be one, and asks for another. */
function isOneLabel (instance: string, { fqdn }: ServiceName): boolean {
  return instance.indexOf('.') === instance.length - fqdn.length - 1
}
