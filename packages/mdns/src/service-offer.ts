/** Where an instance of a service can be reached, and until when. */
import { FAMILIES, type Instance } from './service-sources.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { ServiceName } from './service-name.ts'

export interface Offer {
  /** By text; made when they are needed. */
  readonly addresses: ReadonlyMap<string, Multiaddr | undefined>
  readonly until: number
}

/** Nowhere with a text that was refused. */
export function offerOf ({ pointedUntil, srv, txt, host }: Instance, { transport }: ServiceName, now: number): Offer {
  const addresses = new Map<string, Multiaddr | undefined>()
  if (srv == null || srv.data.port === 0 || host == null) return { addresses, until: 0 }
  let until = srv.until
  if (pointedUntil > now) until = Math.min(until, pointedUntil)
  if (txt != null) {
    if (txt.content == null) return { addresses, until: 0 }
    until = Math.min(until, txt.until)
    for (const address of txt.content.addresses) addresses.set(address.toString(), address)
    if (addresses.size > 0) return { addresses, until }
  }
  const end = transport === 'tcp' ? `/tcp/${srv.data.port}` : `/udp/${srv.data.port}/quic-v1`
  for (const type of FAMILIES) {
    for (const [text, kept] of host.addresses[type]) {
      addresses.set(text + end, undefined)
      until = Math.min(until, kept.until)
    }
  }
  return { addresses, until }
}
