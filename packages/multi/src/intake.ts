/**
 * What becomes of a sighting: checked, held against what we know better, and taken into the store. Never rejects: what
 * cannot be taken has a reason and is counted.
 */
import { safeText, toError, type Claim, type Endpoint, type Logger, type PeerStore, type Sighting } from '@peerweave/interface'
import { withOrigin, type Origin } from './origin.ts'
import { Pipeline, type Checked, type PipelineInit, type Refusal } from './pipeline.ts'
import { sourceOf } from './source.ts'
import type { PeerId } from '@libp2p/interface'
import type { EndpointLog } from './endpoint-log.ts'
import type { Endpoints } from './endpoints.ts'
import type { TakenSighting } from './lane.ts'
import type { Quarantine } from './quarantine.ts'

export interface IntakeInit extends PipelineInit {
  store: PeerStore
  log: Logger
  quarantine: Quarantine
  endpoints: Endpoints
  endpointLog: EndpointLog
  refuse: (refusal: Refusal, origin: Origin) => void
  /** Evidence was stored that runs out then (monotonic ms). */
  onDue: (at: number) => void
  /** A peer came into the view. */
  onFresh: (id: PeerId, origin: Origin) => Promise<void>
}

export class Intake {
  readonly #init: IntakeInit
  readonly #pipeline: Pipeline

  constructor (init: IntakeInit) {
    this.#init = init
    this.#pipeline = new Pipeline(init)
  }

  /** Later than all evidence so far, ms. */
  stamp (): number {
    return this.#pipeline.stamp()
  }

  async take (said: Sighting, origin: Origin): Promise<TakenSighting | undefined> {
    const { refuse, log } = this.#init
    const checking = this.#pipeline.check(said, origin, refusal => refuse(refusal, origin))
    const checked = checking instanceof Promise ? await checking : checking
    if (checked == null) return undefined
    if (checked.kind === 'endpoint') return { later: this.#identify(checked.sighting, origin) }
    try {
      const isFresh = await this.#store(checked, origin)
      return isFresh == null ? undefined : { sighting: withOrigin(checked.sighting, origin), isFresh }
    } catch (error) {
      refuse({ reason: 'store-failed', detail: safeText(toError(error).message) }, origin)
      log.error('the store failed - %e', toError(error))
      return undefined
    }
  }

  /** Whether the peer is new in the view; `undefined` when it was refused. */
  async #store (checked: Exclude<Checked, { kind: 'endpoint' }>, origin: Origin): Promise<boolean | undefined> {
    const { store, access, quarantine, refuse, onDue, onFresh } = this.#init
    if (checked.kind === 'withdraw') {
      await store.withdraw(checked.peerId, checked.source, checked.at, checked.multiaddrs)
      return false
    }
    const { evidence, sighting: { reporter } } = checked
    const { peerId, record } = evidence
    // Once more: its signature took time, and the user may have denied it meanwhile.
    if (!access.isWelcome(peerId)) {
      refuse({ reason: 'denied', peerId }, origin)
      return undefined
    }
    if (!quarantine.mayBelieve({ peerId, seq: record?.seq, reporter })) {
      refuse({ reason: 'quarantined', peerId }, origin)
      return undefined
    }
    const result = await store.addPeer(evidence)
    if (result.outcome === 'refused') {
      refuse({ reason: result.reason, peerId }, origin)
      return undefined
    }
    onDue(evidence.expiresAt)
    if (result.outcome !== 'new') return false
    await onFresh(peerId, origin)
    return true
  }

  /** Who is there is dialled to, and counts as said by whoever reported the address. */
  async #identify (endpoint: Endpoint, origin: Origin): Promise<TakenSighting | undefined> {
    const { clock, endpoints, endpointLog, refuse } = this.#init
    const { multiaddr, ttl, reporter } = endpoint
    const noted = { source: origin.path, at: clock.wall() }
    endpointLog.add(multiaddr, { ...noted, found: 'asking' })
    const identity = await endpoints.identify(endpoint, sourceOf(origin, reporter).group)
    if ('refused' in identity) {
      endpointLog.add(multiaddr, { ...noted, found: identity.refused })
      refuse({ reason: 'endpoint', detail: `${safeText(multiaddr)}: ${identity.refused}` }, origin)
      return undefined
    }
    const { peerId } = identity
    endpointLog.add(multiaddr, { ...noted, found: { peerId: peerId.toString() } })
    const claim: Claim = { kind: 'claim', peerId, multiaddrs: [multiaddr], ttl, reporter }
    return await this.take(claim, origin)
  }
}
