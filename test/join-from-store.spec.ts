/** A node that comes back when all that it was configured with is dead (security research X7). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootstrap } from '@peerweave/bootstrap'
import { gossip } from '@peerweave/gossip'
import { multi } from '@peerweave/multi'
import { levelPeerStore, memoryPeerStore } from '@peerweave/peer-store'
import { nodeDisk } from '@peerweave/peer-store/node'
import { createTestnet } from '@peerweave/testnet'
import { expect, it } from 'vitest'
import { until } from './support/until.ts'

const SEEDS = 3
const NODES = 20

it.each([
  ['joins from its store', true],
  ['and one that kept nothing stays alone', false]
])('a node that restarts after all bootstrap nodes were killed %s', async (_, isKept) => {
  const folder = mkdtempSync(join(tmpdir(), 'peerweave-'))
  try {
    await using net = await createTestnet(NODES, {
      seed: 1,
      mechanisms: ({ index, nodes }) => ({
        discovery: multi({
          mechanisms: [bootstrap({ list: nodes.slice(0, SEEDS).flatMap(({ addresses }) => addresses.map(String)) }), gossip()],
          store: isKept && index === NODES - 1 ? levelPeerStore({ disk: nodeDisk(), path: join(folder, 'peers') }) : memoryPeerStore()
        })
      })
    })
    const last = net.node(NODES - 1)
    await until(() => last.services.discovery.store.size === NODES - 1, 'the last node knows all', 20_000)
    await last.stop()
    await Promise.all(net.nodes.slice(0, SEEDS).map(node => node.crash()))

    await last.restart()
    if (!isKept) {
      await until(() => (last.services.discovery.mechanisms().get('bootstrap')?.failures ?? 0) > 0, 'bootstrap has failed', 20_000)
      expect([last.libp2p.getConnections(), last.services.discovery.store.size]).toEqual([[], 0])
      return
    }
    // How long it takes is measured by `bench -- mechanisms/restart`.
    await until(() => last.services.discovery.store.size >= NODES - 1 - SEEDS && last.libp2p.getConnections().length > 0, 'it is in the net', 20_000)
    const seeds = net.nodes.slice(0, SEEDS).map(({ peerId }) => peerId.toString())
    expect(seeds).not.toContain(last.libp2p.getConnections()[0]?.remotePeer.toString())
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)
