/** A host whose peers do as a test says, on a virtual clock. */
import {
  ConnectionClosedError, NotFoundError, raceSignal, seededRng, virtualClock, type Host, type HostConnection, type HostEvents, type VirtualClock
} from '@peerweave/interface'
import { simPeerId } from '@peerweave/simulator'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { Liveness, type LivenessInit } from '../src/liveness.ts'
import type { PeerId } from '@libp2p/interface'

const EVENTS = ['connect', 'disconnect', 'identify', 'addresses'] as const

/** What a peer does with a ping. A number: answers after so many ms. */
export type Manner = number | 'silent' | 'no-ping' | 'refuses'

export interface Peer {
  readonly id: PeerId
  manner: Manner
  /** When it was pinged. */
  readonly pings: number[]
}

export interface Scene {
  clock: VirtualClock
  liveness: Liveness
  /** `suspect p0 3000`, in order. */
  told: string[]
  peers: Peer[]
  events: TypedEventEmitter<HostEvents>
  connect: (index: number) => void
  disconnect: (index: number) => void
  move: (addresses: string[]) => void
  /** Pings that still wait. */
  waiting: () => number
  listeners: () => number
}

export function scene (count: number, init: Partial<LivenessInit> = {}): Scene {
  const clock = virtualClock()
  const events = new TypedEventEmitter<HostEvents>()
  const told: string[] = []
  let addresses: Multiaddr[] = [multiaddr('/ip4/192.0.2.1/tcp/1')]
  let waiting = 0
  const peers = Array.from({ length: count }, (_, i): Peer => ({ id: simPeerId(1, `p${i}`), manner: 50, pings: [] }))
  const nameOf = (id: PeerId): string => `p${peers.findIndex(peer => peer.id.equals(id))}`
  const open = new Map<string, HostConnection>()
  const remoteAddr = multiaddr('/ip4/192.0.2.2/tcp/1')
  const connectionTo = ({ id }: Peer): HostConnection => ({ peer: id, remoteAddr, direction: 'outbound', limited: false })
  const gone = (id: PeerId): void => {
    if (open.delete(id.toString())) events.safeDispatchEvent<PeerId>('disconnect', { detail: id })
  }
  const host: Host = {
    self: simPeerId(1, 'self'),
    signer: { peerId: simPeerId(1, 'self'), sign: async data => data },
    addresses: () => addresses,
    connections: () => [...open.values()],
    dial: async () => { throw new TypeError('liveness never dials') },
    close: async id => {
      told.push(`close ${nameOf(id)}`)
      gone(id)
    },
    ping: async (id, { signal }) => {
      const peer = peers.find(peer => peer.id.equals(id))
      if (peer == null || !open.has(id.toString())) throw new ConnectionClosedError('not connected')
      peer.pings.push(clock.now())
      waiting++
      try {
        if (peer.manner === 'no-ping') throw new NotFoundError('does not speak it')
        if (peer.manner === 'refuses') throw Object.assign(new Error('refused'), { name: 'NetworkError' })
        if (peer.manner === 'silent') return await raceSignal(new Promise<never>(() => {}), signal)
        const sentAt = clock.now()
        await clock.sleep(peer.manner, { signal })
        return clock.now() - sentAt
      } finally {
        waiting--
      }
    },
    events
  }
  for (const peer of peers) open.set(peer.id.toString(), connectionTo(peer))
  const tell = (what: string) => (peer: PeerId): void => { told.push(`${what} ${nameOf(peer)} ${Math.round(clock.now())}`) }
  const liveness = new Liveness({
    host, clock, rng: seededRng(1), onSuspect: tell('suspect'), onAlive: tell('alive'), onExpire: tell('expire'),
    onLostTime: ms => { told.push(`lost ${ms}`) },
    onClock: ({ kind, ms }) => { told.push(`${kind} ${ms}`) },
    ...init
  })
  const peerAt = (index: number): Peer => peers[index] as Peer
  return {
    clock,
    liveness,
    told,
    peers,
    events,
    connect: index => {
      const detail = connectionTo(peerAt(index))
      open.set(detail.peer.toString(), detail)
      events.safeDispatchEvent<HostConnection>('connect', { detail })
    },
    disconnect: index => gone(peerAt(index).id),
    move: to => {
      addresses = to.map(address => multiaddr(address))
      events.safeDispatchEvent<Multiaddr[]>('addresses', { detail: addresses })
    },
    waiting: () => waiting,
    listeners: () => EVENTS.reduce((sum, type) => sum + events.listenerCount(type), 0)
  }
}
