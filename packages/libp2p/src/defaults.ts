/** libp2p options that stand up to strangers. What each one is against is in the README. */
import { addressScope, limits, show, systemClock, type AddressScope } from '@peerweave/interface'
import { MAX_PEER_AGE } from './constants.ts'
import { createDialPolicy, policyProperty, type DialPolicy } from './dial-policy.ts'
import { addressResolver, defaultResolveName, isNameKept, needsLookUp, type Dns, type ResolveAddress } from './resolve-address.ts'
import type { AddressSorter, ConnectionGater, MultiaddrResolver, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PortsOptions } from './ports.ts'

type AddressFilter = (peer: PeerId, address: Multiaddr) => Promise<boolean> | boolean

/** The part of libp2p's options that is merged with ours; whatever else there is passes through. */
export interface NodeOptions {
  connectionManager?: { resolvers?: Record<string, MultiaddrResolver> | undefined }
  connectionGater?: ConnectionGater
  peerStore?: { addressFilter?: AddressFilter, maxAddressAge?: number, maxPeerAge?: number }
  dns?: Dns
}

export interface HardenedOptions {
  connectionManager: {
    maxConnections: number
    maxIncomingPendingConnections: number
    inboundUpgradeTimeout: number
    dialTimeout: number
    addressDialTimeout: number
    resolvers: Record<string, MultiaddrResolver>
    addressSorter: AddressSorter
  }
  connectionGater: ConnectionGater
  peerStore: { maxAddressAge: number, maxPeerAge: number, addressFilter?: AddressFilter }
}

/** The user's options with the merged groups in place of the user's own. */
export type Completed<T> = Omit<T, keyof HardenedOptions> & HardenedOptions

export interface DefaultsOptions extends Pick<PortsOptions, 'clock' | 'resolveName'> {
  /**
   * Scopes that anybody's word is enough for. `loopback` and `private` are right on a machine or a site of one's own;
   * on the internet they let a stranger aim our dials at it.
   *
   * @default []
   */
  allow?: ReadonlyArray<typeof ALLOWABLE[number]> | undefined
}

const ALLOWABLE = ['loopback', 'link-local', 'private'] as const

/**
 * Completes libp2p's options. The user's own values win, inside `connectionManager` and `peerStore` too; a gater or
 * address filter of the user's and ours must both allow.
 */
export function peerweaveDefaults<T extends object = object> (userOptions?: T & NodeOptions, options: DefaultsOptions = {}): Completed<T> {
  const { allow = [], clock = systemClock(), resolveName } = options
  const unknown = allow.find(scope => !ALLOWABLE.includes(scope))
  if (unknown != null) throw new TypeError(`allow takes ${ALLOWABLE.join(', ')}, got ${show(unknown)}`)

  const resolve = addressResolver({ clock, resolveName: resolveName ?? defaultResolveName(userOptions?.dns) })
  const policy = createDialPolicy(allow)
  const gater = hardenedGater(userOptions?.connectionGater ?? {}, policy, resolve)
  const filter = userOptions?.peerStore?.addressFilter
  return {
    ...userOptions as T, // undefined spreads to nothing
    connectionManager: {
      maxConnections: limits.connections,
      maxIncomingPendingConnections: limits.pendingConnections,
      inboundUpgradeTimeout: limits.upgradeTimeout,
      // Of a dial without a signal. Ours have one, and share their time among the addresses.
      dialTimeout: limits.dialTimeout,
      addressDialTimeout: limits.dialTimeoutMax,
      addressSorter: certifiedFirst,
      ...userOptions?.connectionManager,
      resolvers: { ...literalResolvers(policy, resolve), ...userOptions?.connectionManager?.resolvers }
    },
    peerStore: {
      maxAddressAge: Infinity,
      maxPeerAge: MAX_PEER_AGE,
      ...userOptions?.peerStore,
      // libp2p asks it instead of the gater's filter, so it has to ask both.
      ...(filter != null && {
        addressFilter: async (peer: PeerId, address: Multiaddr) =>
          await gater.filterMultiaddrForPeer?.(peer, address) === true && await filter(peer, address)
      })
    },
    connectionGater: gater
  }
}

/** Otherwise as given: the sort is stable, and whoever gave a list had reasons for its order. */
const certifiedFirst: AddressSorter = (a, b) => a.isCertified === b.isCertified ? 0 : a.isCertified ? -1 : 1

/**
 * libp2p resolves before its gate and dials what came out of it. With a literal in its hands no transport looks up once
 * more, so what was judged is what is dialled.
 */
function literalResolvers (policy: DialPolicy, resolve: ResolveAddress): Record<string, MultiaddrResolver> {
  const resolver = (hosts: readonly string[]): MultiaddrResolver => ({
    // libp2p asks again of what came out: a name that is kept must not go round.
    canResolve: address => hosts.includes(address.getComponents()[0]?.name ?? '') && !isNameKept(address),
    async resolve (address, { signal, log }) {
      try {
        const resolved = (await resolve(address, { signal })).map(({ address }) => address)
        policy.vetResolved(address, resolved)
        return resolved
      } catch (error) {
        // Thrown, it would end the dial of the peer's other addresses too.
        log?.('%a does not resolve - %e', address, error)
        return []
      }
    }
  })
  // `dnsaddr` is libp2p's own key, for the user to replace; the other is nobody's, so that no name is left out by accident.
  return { dnsaddr: resolver(['dnsaddr']), 'peerweave:names': resolver(['dns', 'dns4', 'dns6']) }
}

function hardenedGater (own: ConnectionGater, policy: DialPolicy, resolve: ResolveAddress): ConnectionGater {
  /** Names are literals by now, but for those that TLS needs: they are judged by what they resolve to. */
  const isAllowed = async (address: Multiaddr): Promise<boolean> => {
    if (!needsLookUp(address)) return policy.permits(address)
    // Also where it was vetted: who may speak of the site may not speak of this machine, by a name neither.
    const resolved = await resolve(address).catch(() => [])
    return policy.permitsResolved(address, resolved.map(({ scope }) => scope))
  }

  const ours: ConnectionGater = {
    ...policyProperty(policy),
    denyDialMultiaddr: async address => !await isAllowed(address) || await own.denyDialMultiaddr?.(address) === true,
    filterMultiaddrForPeer: async (peer, address) => isKept(peer, address) && await own.filterMultiaddrForPeer?.(peer, address) !== false
  }

  const isKept = (peer: PeerId, address: Multiaddr): boolean => {
    const scope: AddressScope = addressScope(address)
    // Before a service has told us who we are, an address may be our own; the gate at the dial is shut all the same.
    if (policy.self == null) return scope !== 'never'
    // Names are not looked up here: remembering what a stranger says must not make us ask DNS for it.
    return policy.self.equals(peer) || scope === 'name' || policy.permits(address, peer)
  }

  // The user's gater may be an instance of a class: its other hooks are called on itself.
  return new Proxy(own, {
    get (target, key) {
      const value: unknown = Reflect.get(Object.hasOwn(ours, key) ? ours : target, key)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
