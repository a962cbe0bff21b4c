/**
 * Any libp2p peer discovery module as a mechanism. libp2p's modules say `{ id, multiaddrs }` and nothing else: no TTL,
 * no goodbye, nobody who said it. What they lack is an option here, and `supports` tells the compliance suite.
 */
import { peerDiscoverySymbol } from '@libp2p/interface'
import { clampMs, defineMechanism, knownOptions, limits, nameOption, numberOption } from '@peerweave/interface'
import { MODULE_TTL } from './constants.ts'
import type { DiscoveryMechanism, DiscoveryType, MechanismContext, Reporter } from '@peerweave/interface'
import type { PeerInfo, Startable, TypedEventTarget } from '@libp2p/interface'

export interface FromLibp2pOptions {
  name: string
  /** @default `name` */
  type?: DiscoveryType | undefined
  /** How long what it says stands, ms; it never says so itself. @default {@link MODULE_TTL} */
  ttl?: number | undefined
  /**
   * On whose word. `{ configured: true }` for a list of the user's own, `{ interface: 'eth0' }` for something on the
   * link. Without it only public addresses are believed.
   */
  reporter?: Reporter | undefined
}

type Discovery = TypedEventTarget<{ peer: CustomEvent<PeerInfo> }>

/**
 * @param factory - as it goes into libp2p's `peerDiscovery: [factory]`
 * @throws TypeError naming a wrong option
 */
// oxlint-disable-next-line typescript/no-explicit-any -- every module names the components it wants
export function fromLibp2p (factory: (components: any) => object, options: FromLibp2pOptions): (context: MechanismContext) => DiscoveryMechanism {
  knownOptions('fromLibp2p', options, ['name', 'type', 'ttl', 'reporter'])
  const name = nameOption('name', options.name, '')
  const { type = name, reporter } = options
  const ttl = clampMs(numberOption('ttl', options.ttl, MODULE_TTL, { min: 1, max: Infinity }), limits.ttlMin, limits.ttlMax)

  return context => {
    if (context.libp2p == null) {
      throw new TypeError(`${name} wraps a libp2p module, so it needs a libp2p node around it`)
    }
    const inner = factory(isolate(context.libp2p))
    if ('discoverPeers' in inner) throw new TypeError(`${name} is a mechanism already: it needs no fromLibp2p`)
    const module = inner as Startable
    const discovery = discoveryOf(inner)
    const mechanism = defineMechanism(context, {
      name,
      type,
      passive: true,
      async open ({ sight, signal }) {
        discovery.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
          sight({ kind: 'claim', peerId: id, multiaddrs: [...multiaddrs], ttl, reporter })
        }, { signal })
        await module.start()
      },
      beforeClose: () => module.beforeStop?.(),
      close: () => module.stop(),
      // A libp2p module cannot be asked: all that it finds is news.
      async * round () {}
    })
    // libp2p's other hooks, each by itself: what a module does in afterStart fails in start.
    return Object.assign(mechanism, {
      beforeStart: () => module.beforeStart?.(),
      afterStart: () => module.afterStart?.(),
      afterStop: () => module.afterStop?.()
    })
  }
}

/** pubsub-peer-discovery sets the symbol to `true` and is its own event target. */
function discoveryOf (inner: object): Discovery {
  const marked = (inner as { [peerDiscoverySymbol]?: unknown })[peerDiscoverySymbol]
  const target = typeof marked === 'object' && marked != null && 'addEventListener' in marked ? marked : inner
  if (!('addEventListener' in target)) throw new TypeError('not a libp2p peer discovery module: it has no events')
  return target as Discovery
}

/**
 * libp2p's components, but what the module would write into the peer store or dial by itself goes nowhere: what is
 * merged, tagged and dialled is `multi`'s to decide.
 */
function isolate (components: object): object {
  return new Proxy(components, {
    get (target, key) {
      const value = Reflect.get(target, key)
      if (key === 'peerStore') return without(value, { merge: async () => {}, patch: async () => {}, save: async () => {} })
      if (key === 'connectionManager') return without(value, { openConnection: async () => { throw new Error('multi decides whom to dial') } })
      return value
    }
  })
}

function without (target: object, replaced: Record<string, unknown>): object {
  return new Proxy(target, {
    get (inner, key) {
      if (typeof key === 'string' && key in replaced) return replaced[key]
      const value = Reflect.get(inner, key)
      // Bound: libp2p's classes have private fields, which a proxy is not.
      return typeof value === 'function' ? value.bind(inner) : value
    }
  })
}
