/**
 * Which addresses may be dialled, whoever dials. It hangs on the node's connection gater, because that is the one object
 * that libp2p asks before every dial, also those of kad-dht, of gossipsub and of the app, and that we find again among
 * its components.
 */
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, endpointOf, limits, mayReport, targetPeer, type AddressScope, type ReporterScope } from '@peerweave/interface'
import type { ConnectionGater, PeerId } from '@libp2p/interface'

const POLICY: symbol = Symbol.for('@peerweave/policy')

export interface DialPolicy {
  /** Ourselves, once a service bound it: our own addresses are nobody's claim. */
  self: PeerId | undefined
  /**
   * Lets this address of this peer pass from now on, whatever its scope, `never` excepted. Say it of what was believed
   * on better grounds than the address alone: who reported it, or that the user wrote it down. Without a peer it is
   * vetted for whoever turns out to be there.
   *
   * @param reporter - whose word it is: a name may lead no nearer than that, wherever its owner lets it. Of several words
   *   the one that may say most counts. @default 'configured'
   */
  vet: (address: Multiaddr, peer?: PeerId, reporter?: ReporterScope) => void
  /**
   * What an address with a name resolved to: where the name was vetted, so are these, for the same peers, as far as the
   * name may lead. libp2p has the literal alone when it asks.
   */
  vetResolved: (name: Multiaddr, resolved: readonly Multiaddr[]) => void
  /** Whether an address that takes a look-up may be dialled when it leads to these scopes: nothing is known of no scope. */
  permitsResolved: (name: Multiaddr, scopes: readonly AddressScope[]) => boolean
  /** Whether it was vetted, for its peer or for anybody; never of scope `never`. */
  isVetted: (address: Multiaddr, peer?: PeerId) => boolean
  /** Whether the address may be dialled as it stands. Of a name nothing is known before it was resolved: `false`. */
  permits: (address: Multiaddr, peer?: PeerId) => boolean
  /** Whether anybody may be told to be at an address of this scope. */
  permitsScope: (scope: AddressScope) => boolean
}

/** @param allow - scopes that need no vetting, besides `public` */
export function createDialPolicy (allow: readonly AddressScope[]): DialPolicy {
  /** With how far a name may lead. BOUNDED by `limits.vettedAddresses`: the one unused for longest goes. */
  const vetted = new Map<string, ReporterScope>()
  const permitsScope = (scope: AddressScope): boolean => scope === 'public' || (scope !== 'never' && allow.includes(scope))
  const keysFor = (address: Multiaddr, peer?: PeerId): string[] =>
    [keyOf(address, peer?.toString() ?? targetPeer(address)), keyOf(address, undefined)]
  const isVetted = (address: Multiaddr, peer?: PeerId): boolean =>
    addressScope(address) !== 'never' && keysFor(address, peer).some(key => vetted.has(key))
  const add = (keys: readonly string[], reporter: ReporterScope): void => {
    for (const key of keys) {
      const before = vetted.get(key)
      vetted.delete(key) // moved to the end: what is used is not the oldest
      vetted.set(key, before == null || reachOf(reporter) > reachOf(before) ? reporter : before)
    }
    for (const oldest of vetted.keys()) {
      if (vetted.size <= limits.vettedAddresses) break
      vetted.delete(oldest)
    }
  }
  return {
    self: undefined,
    permitsScope,
    vet: (address, peer, reporter = 'configured') => add(keysOf(address, peer), reporter),
    vetResolved (name, resolved) {
      // libp2p resolves before it appends the peer, so the name is looked for under every peer.
      const ending = ` ${endpointOf(name)}`
      for (const [key, reporter] of [...vetted].filter(([key]) => key.endsWith(ending))) {
        const peer = key.slice(0, -ending.length)
        add([key, ...resolved.filter(address => mayReport(reporter, addressScope(address))).map(address => keyOf(address, peer))], reporter)
      }
    },
    permitsResolved (name, scopes) {
      const reporters = keysFor(name).flatMap(key => vetted.get(key) ?? [])
      return scopes.length > 0 && scopes.every(scope => permitsScope(scope) || reporters.some(reporter => mayReport(reporter, scope)))
    },
    isVetted,
    permits: (address, peer) => permitsScope(addressScope(address)) || isVetted(address, peer)
  }
}

/** The policy of a node, when its options went through `peerweaveDefaults`. */
export function policyOf (gater: ConnectionGater): DialPolicy | undefined {
  return (gater as Record<symbol, DialPolicy | undefined>)[POLICY]
}

/** An object to hang on a gater. */
export function policyProperty (policy: DialPolicy): object {
  return { [POLICY]: policy }
}

/** How much somebody at this place may say. */
function reachOf (reporter: ReporterScope): number {
  return (['public', 'private', 'loopback'] as const).filter(scope => mayReport(reporter, scope)).length
}

/** With the peer, so that a vetted address of one peer does not open the same socket to whoever claims it next. */
function keyOf (address: Multiaddr, peer: string | undefined): string {
  return `${peer ?? ''} ${endpointOf(address)}`
}

/** For a relayed address also the way to the relay: libp2p dials that one by itself. */
function keysOf (address: Multiaddr, peer: PeerId | undefined): string[] {
  const keys = [keyOf(address, peer?.toString() ?? targetPeer(address))]
  // By components: not every address that bytes can make can be read back from its text.
  const components = address.getComponents()
  const circuit = components.findIndex(({ name }) => name === 'p2p-circuit')
  if (circuit !== -1) {
    const relay = multiaddr(components.slice(0, circuit))
    keys.push(keyOf(relay, targetPeer(relay)))
  }
  return keys
}
