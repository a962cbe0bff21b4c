/** Silent connects take the places of connections not yet upgraded (F2). Loopback only, 50 a second for 3 seconds. */
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { peerweaveDefaults } from '../src/index.ts'
import { baseOptions, cleanUp, makeNode } from './nodes.ts'
import type { Libp2pOptions } from 'libp2p'

const SILENT = 150
const GAP_MS = 20
const HONEST = 10

/** How many of ten honest dials get through while silent connects come in. */
async function honestDials (options: Libp2pOptions): Promise<number> {
  const { node, address } = await makeNode(options)
  const diallers = await Promise.all(Array.from({ length: HONEST }, async () => await makeNode()))
  const port = Number(address.getComponents().find(({ name }) => name === 'tcp')?.value)
  const sockets: Socket[] = []
  const attack = setInterval(() => {
    if (sockets.length < SILENT) sockets.push(connect(port, '127.0.0.1').on('error', () => {}))
  }, GAP_MS)
  cleanUp(() => {
    clearInterval(attack)
    for (const socket of sockets) socket.destroy()
  })
  let honest = 0
  for (const [i, dialler] of diallers.entries()) {
    // Spread over the attack: one dial each time that so many more silent connects were made.
    await until(() => sockets.length >= (i + 1) * SILENT / HONEST, 'so many are connected', 30_000)
    honest += await dialler.node.dial(address, { signal: AbortSignal.timeout(1_000) }).then(() => 1, () => 0)
  }
  expect(node.getConnections().length).toBeLessThanOrEqual(HONEST)
  return honest
}

describe('50 silent connects a second', () => {
  it('keep no honest dial out of a node with our defaults', async () => {
    expect(await honestDials(peerweaveDefaults(baseOptions()))).toBe(HONEST)
  })

  it('starve a node with libp2p\'s own', async () => {
    expect(await honestDials(baseOptions())).toBeLessThan(HONEST / 2)
  })
})
