/**
 * A peer in a process of its own: `node peer-child.ts --address IP [--theirs] [--port PORT]`. On stdin a command a line
 * (`join`, `leave`, `list`, `load`, `loaded`), on stdout {@link PeerMessage}s; ends with its stdin.
 *
 * Nothing but the mechanism, ours or `@libp2p/mdns`, in its defaults, with one address to announce. With a port of its
 * own it stays on the loopback interface, which `@libp2p/mdns` cannot. Each `join` is of a new mechanism with an identity
 * of its own; the modules are loaded and compiled by then.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { createPeer, createPeerId } from '../../packages/mdns/test/support.ts'
import { Listing } from './listing.ts'
import { LOAD_RESOLUTION, monotonic, type PeerMessage } from './messages.ts'
import type { MulticastDNSComponents } from '@libp2p/mdns'

interface Participant {
  id: string
  start: () => unknown
  stop: () => unknown
}

const { values: { address = '', theirs, port } } = parseArgs({
  options: { address: { type: 'string' }, theirs: { type: 'boolean', default: false }, port: { type: 'string' } }
})
const own = `/ip4/${address}/tcp/4001`
const listing = new Listing()
const create = theirs ? await theirsWith() : ours
const delays = monitorEventLoopDelay({ resolution: LOAD_RESOLUTION })
let participant: Participant | undefined
let loadFrom = { at: 0, usage: process.cpuUsage() }

say({ kind: 'ready' })
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'join') {
    participant = await create()
    const at = monotonic()
    await participant.start()
    say({ kind: 'joined', id: participant.id, at })
  } else if (command === 'leave') {
    await participant?.stop()
    listing.clear()
    say({ kind: 'left' })
  } else if (command === 'list') {
    say({ kind: 'list', ids: listing.ids(monotonic()) })
  } else if (command === 'load') {
    delays.enable()
    delays.reset()
    loadFrom = { at: monotonic(), usage: process.cpuUsage() }
    say({ kind: 'load' })
  } else if (command === 'loaded') {
    const { user, system } = process.cpuUsage(loadFrom.usage)
    delays.disable()
    say({ kind: 'loaded', load: { cpu: (user + system) / 1_000 / (monotonic() - loadFrom.at), delay: delays.percentile(99) / 1e6 } })
  }
}
process.exit()

async function ours (): Promise<Participant> {
  const { id, mechanism, leave } = await createPeer(port === undefined ? {} : { port: Number(port), interfaces: [address] }, own)
  mechanism.addEventListener('sighting', ({ detail }) => {
    if (detail.kind === 'claim') onClaim(detail.peerId.toString(), detail.ttl)
    else if (detail.kind === 'withdraw' && detail.multiaddrs == null) listing.remove(detail.peerId.toString())
  })
  return { id: id.toString(), start: () => mechanism.start(), stop: leave }
}

/** Its modules are not loaded where ours runs. */
async function theirsWith (): Promise<() => Promise<Participant>> {
  const { mdns } = await import('@libp2p/mdns')
  return async () => {
    const id = await createPeerId()
    const mechanism = mdns()({
      addressManager: { getAddresses: () => [multiaddr(`${own}/p2p/${id}`)] },
      logger: defaultLogger()
    } as unknown as MulticastDNSComponents)
    // It never forgets.
    mechanism.addEventListener('peer', ({ detail }) => onClaim(detail.id.toString(), Infinity))
    // It is a Startable, its type does not say so.
    const { start, stop } = mechanism as unknown as Omit<Participant, 'id'>
    return { id: id.toString(), start: () => start.call(mechanism), stop: () => stop.call(mechanism) }
  }
}

function onClaim (id: string, ttl = Infinity): void {
  const at = monotonic()
  if (listing.add(id, at, at + ttl)) say({ kind: 'seen', id, at })
}

function say (message: PeerMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
