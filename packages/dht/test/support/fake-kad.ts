/** A DHT in memory, of which every node knows everybody: what kad-dht says, without its network. */
import { TypedEventEmitter } from 'main-event'
import type { PeerDiscoveryEvents, PeerId, PeerInfo } from '@libp2p/interface'
import type { KadDHTComponents, KadDHTInit } from '@libp2p/kad-dht'
import type { Clock } from '@peerweave/interface'
import type { CID } from 'multiformats/cid'

interface Options {
  signal?: AbortSignal
}

type FakeEvent = { name: string } & Record<string, unknown>

export class FakeDht {
  readonly peers = new Map<string, PeerInfo>()
  /** By multihash in hex. */
  readonly providers = new Map<string, Map<string, PeerInfo>>()
  readonly values = new Map<string, Uint8Array>()
  readonly kads = new Set<FakeKad>()
  /** The next query fails. */
  failing = false

  join (peer: PeerInfo): void {
    this.peers.set(peer.id.toString(), peer)
  }

  provide (key: CID, peer: PeerInfo): void {
    const id = hex(key.multihash.bytes)
    const known = this.providers.get(id) ?? new Map<string, PeerInfo>()
    known.set(peer.id.toString(), peer)
    this.providers.set(id, known)
  }

  /** A factory as `dht({ kad })` takes it. */
  kad (clock: Clock): (init: KadDHTInit) => (components: KadDHTComponents) => FakeKad {
    return init => components => new FakeKad(this, clock, components, init)
  }
}

export class FakeKad extends TypedEventEmitter<PeerDiscoveryEvents> {
  readonly validators = {}
  readonly selectors = {}
  readonly init: KadDHTInit
  readonly #dht: FakeDht
  readonly #clock: Clock
  readonly #components: KadDHTComponents
  isStarted = false
  starts = 0
  provided = 0

  constructor (dht: FakeDht, clock: Clock, components: KadDHTComponents, init: KadDHTInit = {}) {
    super()
    this.#dht = dht
    this.#clock = clock
    this.#components = components
    this.init = init
    dht.kads.add(this)
  }

  get routingTable (): { size: number } {
    return { size: this.#others().length }
  }

  async start (): Promise<void> {
    this.isStarted = true
    this.starts++
  }

  async stop (): Promise<void> {
    this.isStarted = false
  }

  getMode (): 'server' | 'client' {
    return this.init.clientMode === false ? 'server' : 'client'
  }

  async setMode (): Promise<void> {}

  async cancelReprovide (key: CID): Promise<void> {
    this.#dht.providers.get(hex(key.multihash.bytes))?.delete(this.#self.toString())
  }

  async * findProviders (key: CID, options: Options = {}): AsyncGenerator<FakeEvent> {
    await this.#travel(options)
    const providers = [...this.#dht.providers.get(hex(key.multihash.bytes))?.values() ?? []]
    for (const from of this.#others()) yield this.#response(from, { providers })
  }

  async * getClosestPeers (_key: Uint8Array, options: Options = {}): AsyncGenerator<FakeEvent> {
    await this.#travel(options)
    // Also ourselves: other implementations tell of us.
    const closer = [...this.#dht.peers.values()]
    for (const from of this.#others()) yield this.#response(from, { closer })
    for (const peer of this.#others()) yield { name: 'FINAL_PEER', from: this.#self, peer: { id: peer.id, multiaddrs: [] } }
  }

  async * findPeer (id: PeerId, options: Options = {}): AsyncGenerator<FakeEvent> {
    await this.#travel(options)
    const found = this.#dht.peers.get(id.toString())
    const [from] = this.#others()
    if (from == null || found == null) throw Object.assign(new Error('Not found'), { name: 'NotFoundError' })
    yield this.#response(from, { closer: [found] })
  }

  async * provide (key: CID, options: Options = {}): AsyncGenerator<FakeEvent> {
    this.provided++
    await this.#travel(options)
    this.#dht.provide(key, { id: this.#self, multiaddrs: this.#components.addressManager.getAddresses() })
    for (const from of this.#others()) yield this.#response(from, { messageName: 'ADD_PROVIDER' })
  }

  async * put (key: Uint8Array, value: Uint8Array, options: Options = {}): AsyncGenerator<FakeEvent> {
    await this.#travel(options)
    this.#dht.values.set(hex(key), value)
    for (const from of this.#others()) yield this.#response(from, { messageName: 'PUT_VALUE', record: { key, value } })
  }

  async * get (key: Uint8Array, options: Options = {}): AsyncGenerator<FakeEvent> {
    await this.#travel(options)
    const value = this.#dht.values.get(hex(key))
    for (const from of this.#others()) yield this.#response(from, { messageName: 'GET_VALUE', ...(value != null && { record: { key, value } }) })
  }

  get #self (): PeerId {
    return this.#components.peerId
  }

  #others (): PeerInfo[] {
    return [...this.#dht.peers.values()].filter(({ id }) => !id.equals(this.#self))
  }

  #response (from: PeerInfo, rest: Record<string, unknown>): FakeEvent {
    return { name: 'PEER_RESPONSE', from: from.id, closer: [], providers: [], messageName: 'FIND_NODE', ...rest }
  }

  async #travel ({ signal }: Options): Promise<void> {
    await this.#clock.sleep(1, { signal })
    if (!this.#dht.failing) return
    this.#dht.failing = false
    throw new Error('the wire is broken')
  }
}

function hex (bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
