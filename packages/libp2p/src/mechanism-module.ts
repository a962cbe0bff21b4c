/** One factory for both homes of a mechanism: inside `multi`, and in libp2p's `services` as a plain peer discovery. */
import { TypedEventEmitter } from 'main-event'
import { peerDiscoverySymbol, type PeerDiscoveryEvents, type PeerInfo } from '@libp2p/interface'
import {
  addressScope, jitter, limits, mayReport, numberOption, reporterScope, systemClock, systemRng, untilAborted, type Claim, type DiscoveryMechanism,
  type MechanismContext, type MechanismFactory, type Ports, type Rng, type Sighting
} from '@peerweave/interface'
import { ROUND_INTERVAL, ROUND_JITTER } from './constants.ts'
import { contextFrom } from './context.ts'
import { policyOf } from './dial-policy.ts'
import type { PortsOptions } from './ports.ts'
import type { NodeComponents } from './node-components.ts'

/** Used only where libp2p is the host; inside `multi` these are `multi`'s business. */
export interface MechanismModuleOptions extends PortsOptions {
  /** Between two discovery rounds, ms, jittered by ± {@link ROUND_JITTER}. @default {@link ROUND_INTERVAL} */
  interval?: number | undefined
  /** @default systemRng() */
  rng?: Rng | undefined
  /**
   * Tells libp2p of the peers that it finds, and asks for them. `false`: it only starts the ports and answers when it is
   * asked, where somebody else tells libp2p of the same peers.
   *
   * @default true
   */
  isDiscovery?: boolean | undefined
}

/**
 * What a mechanism's package returns from its factory. Called with `multi`'s context it only builds. Called with libp2p's
 * components it makes a service that starts the ports with it, runs a round when the node has started and one every
 * `interval`, and carries `peerDiscoverySymbol`: each claim goes out as a `peer` event with those of its addresses that
 * its reporter may report, at most `limits.addressesPerDial`.
 *
 * @param build - makes the mechanism; called once per call of the factory
 */
export function mechanismModule<Made extends DiscoveryMechanism> (
  build: (context: MechanismContext) => Made, options: MechanismModuleOptions = {}
): MechanismFactory<Made> {
  const interval = numberOption('interval', options.interval, ROUND_INTERVAL, { min: 1_000 })
  return (components: MechanismContext | NodeComponents) => {
    const context = contextFrom(components, options)
    const mechanism = build(context)
    return 'ports' in components ? mechanism : asService(mechanism, context.ports, components, { ...options, interval })
  }
}

/** Gives a mechanism of its own what libp2p asks of a service; the hooks that are not named here stay as they are. */
function asService<Made extends DiscoveryMechanism> (
  mechanism: Made, ports: Ports, components: NodeComponents,
  { clock = systemClock(), rng = systemRng(), interval = ROUND_INTERVAL, isDiscovery = true }: MechanismModuleOptions
): Made {
  const policy = policyOf(components.connectionGater)
  const log = components.logger.forComponent(`peerweave:${mechanism.name}`)
  const discovery = new TypedEventEmitter<PeerDiscoveryEvents>()
  const start = mechanism.start.bind(mechanism)
  const stop = mechanism.stop.bind(mechanism)
  const afterStart = mechanism.afterStart?.bind(mechanism)
  const beforeStop = mechanism.beforeStop?.bind(mechanism)
  let holdsPorts = false
  /** Calls of stop: a start that waited for the ports while one came is not wanted any more. */
  let stops = 0
  let rounds: AbortController | undefined

  const report = (sighting: Sighting): void => {
    if (sighting.kind !== 'claim') return
    const multiaddrs = believable(sighting)
    if (multiaddrs.length === 0) return
    // libp2p writes them into its address book and dials them from there: the gater must know them by then.
    for (const address of multiaddrs) {
      // A name leads wherever its owner lets it. Vetted, it opens the gate to what it resolves to, as far as its reporter may
      // say: one of whoever may say nothing but public addresses needs none.
      const reporter = reporterScope(sighting.reporter)
      if (addressScope(address) !== 'name' || mayReport(reporter, 'private')) policy?.vet(address, sighting.peerId, reporter)
    }
    discovery.safeDispatchEvent<PeerInfo>('peer', { detail: { id: sighting.peerId, multiaddrs } })
  }
  const onSighting = ({ detail }: CustomEvent<Sighting>): void => report(detail)

  const runRounds = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      try {
        for await (const sighting of untilAborted(mechanism.discoverPeers({ signal }), signal)) report(sighting)
      } catch (error) {
        if (signal.aborted) return
        log.error('discovery round failed - %e', error)
      }
      await clock.sleep(jitter(rng, interval, ROUND_JITTER), { signal })
    }
  }
  const endRounds = (): void => {
    rounds?.abort()
    rounds = undefined
  }
  const letGo = async (): Promise<void> => {
    mechanism.removeEventListener('sighting', onSighting)
    if (!holdsPorts) return
    holdsPorts = false
    await ports.stop()
  }

  return Object.defineProperties(mechanism, {
    ...isDiscovery && { [peerDiscoverySymbol]: { value: discovery } },
    start: {
      value: async () => {
        if (!holdsPorts) {
          const stopped = stops
          holdsPorts = true
          await ports.start()
          if (stops !== stopped) return
          if (isDiscovery) mechanism.addEventListener('sighting', onSighting)
        }
        try {
          await start()
        } catch (error) {
          await letGo()
          throw error
        }
      }
    },
    afterStart: {
      value: async () => {
        await afterStart?.()
        // Only now: in `start` the node's pubsub does not work yet. Not awaited: libp2p's start would wait for the round.
        if (!isDiscovery || !holdsPorts || rounds != null) return
        rounds = new AbortController()
        runRounds(rounds.signal).catch(() => {}) // ends by its signal
      }
    },
    beforeStop: {
      value: async () => {
        endRounds()
        await beforeStop?.()
      }
    },
    stop: {
      value: async () => {
        stops++
        endRounds()
        try {
          await stop()
        } finally {
          await letGo()
        }
      }
    }
  })
}

function believable ({ multiaddrs, reporter }: Claim): Claim['multiaddrs'] {
  const scope = reporterScope(reporter)
  return multiaddrs.filter(address => mayReport(scope, addressScope(address))).slice(0, limits.addressesPerDial)
}
