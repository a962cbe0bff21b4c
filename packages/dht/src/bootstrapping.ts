/** Dials the bootstrap nodes while nobody is in the routing table. */
import { backoff, DhtError, jitter, shuffle, toError, type Claim, type Clock, type Host, type Rng, type Session } from '@peerweave/interface'
import { BOOTSTRAP_RETRY, CONTACTS_WATCH } from './constants.ts'
import type { BootstrapNode } from './options.ts'

export interface BootstrappingInit {
  nodes: readonly BootstrapNode[]
  host: Host
  clock: Clock
  rng: Rng
  session: Session
  contacts: () => number
  peerTtl: number
}

/** Runs until the session ends. */
export async function bootstrapping (init: BootstrappingInit, signal: AbortSignal): Promise<void> {
  const { clock, rng, session, contacts } = init
  let recover: (() => void) | undefined
  for (let attempt = 0; !signal.aborted;) {
    let wait = jitter(rng, CONTACTS_WATCH, 0.2)
    if (contacts() > 0) {
      attempt = 0
    } else {
      const errors = await dialAll(init, signal)
      if (signal.aborted) break
      recover?.()
      // Reached is not yet in the table: kad-dht asks for protocols and pings first.
      recover = errors.length < init.nodes.length
        ? undefined
        : session.degrade(new DhtError('no bootstrap node could be reached', { cause: new AggregateError(errors) }))
      wait = backoff(rng, attempt++, BOOTSTRAP_RETRY)
    }
    await clock.sleep(wait, { signal }).catch(() => {})
  }
  recover?.()
}

async function dialAll ({ nodes, host, rng, session, peerTtl }: BootstrappingInit, signal: AbortSignal): Promise<Error[]> {
  const errors: Error[] = []
  await Promise.all(shuffle(rng, nodes).filter(({ peer }) => !peer.equals(host.self)).map(async ({ peer, addresses }) => {
    try {
      const { remoteAddr } = await host.dial([...addresses], { reporter: 'configured', signal })
      const claim: Claim = {
        kind: 'claim', peerId: peer, multiaddrs: [...addresses], ttl: peerTtl, reporter: { configured: true, peer, remoteAddr }
      }
      session.sight(claim)
    } catch (error) {
      errors.push(toError(error))
    }
  }))
  return errors
}
