/** From `start()` to the first connection to a bootstrap node, beside libp2p's own module. Real nodes on loopback. */
import { bootstrap as libp2pBootstrap } from '@libp2p/bootstrap'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { bootstrap } from '@peerweave/bootstrap'
import { peerweaveDefaults } from '@peerweave/libp2p'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { alternate, beside, type Measured } from '../harness.ts'
import type { Libp2p } from '@libp2p/interface'

const REPEATS = 7
/** Milliseconds against milliseconds: more of them. */
const TUNED_REPEATS = 41

export async function * run (progress: (text: string) => void): AsyncGenerator<Measured> {
  const seed = await createLibp2p({ ...options(), addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] } })
  const list = seed.getMultiaddrs().map(String)
  const ours = (): Promise<number> =>
    timeToConnect(() => createLibp2p({ ...options(), start: false, services: { identify: identify(), seeds: bootstrap({ list }) } }))
  const theirs = (timeout?: number): Promise<number> => timeToConnect(() => {
    return createLibp2p({ ...options(), start: false, peerDiscovery: [libp2pBootstrap({ list, ...timeout != null && { timeout } })] })
  })
  try {
    progress(`${REPEATS} joins each …`)
    yield beside('start to connected', 'ms', '@libp2p/bootstrap', await alternate(ours, () => theirs(), REPEATS))
    yield beside('start to connected, beside one that does not wait', 'ms', '@libp2p/bootstrap, timeout 0', await alternate(ours, () => theirs(0), TUNED_REPEATS))
  } finally {
    await seed.stop()
  }
}

function options (): Libp2pOptions {
  return peerweaveDefaults<Libp2pOptions>({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity },
    services: { identify: identify() }
  }, { allow: ['loopback'] })
}

async function timeToConnect (create: () => Promise<Libp2p>): Promise<number> {
  const node = await create()
  const connected = new Promise(resolve => node.addEventListener('connection:open', resolve, { once: true }))
  const started = performance.now()
  await node.start()
  await connected
  const took = performance.now() - started
  await node.stop()
  return took
}
