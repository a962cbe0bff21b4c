import { bootstrap } from '@libp2p/bootstrap'
import { mechanismCompliance } from '@peerweave/compliance'
import { createLibp2p } from 'libp2p'
import { describe, it } from 'vitest'
import { fromLibp2p, memory, multi } from '../src/index.ts'
import { onHub } from './hub-setup.ts'
import type { Supports } from '@peerweave/compliance'

mechanismCompliance({ describe, it }, onHub('memory', { hostile: false, failure: false }, (hub, { clock, context }) => {
  return memory({ hub, clock })(context)
}))

mechanismCompliance({ describe, it }, onHub('multi', { announce: false, hostile: false, failure: false }, (hub, { clock, rng, context }) => {
  return multi({ mechanisms: [memory({ hub, clock })], clock, rng })(context)
}))

mechanismCompliance({ describe, it }, onHub('nested multi', { announce: false, hostile: false, failure: false }, (hub, { clock, rng, context }) => {
  return multi({ name: 'outer', mechanisms: [multi({ name: 'inner', mechanisms: [memory({ hub, clock })], clock, rng })], clock, rng })(context)
}))

// A fixed list that is told once after each start, in its own time; it cannot be asked, and hears nobody.
const foreign: Supports = { virtualClock: false, announce: false, goodbye: false, hostile: false, failure: false }

mechanismCompliance({ describe, it }, {
  name: 'wrapped @libp2p/bootstrap',
  supports: foreign,
  async create ({ self, context, node }) {
    const listed = await node()
    const addressOf = (id: unknown): string => `/ip4/10.0.0.1/tcp/4001/p2p/${id}`
    let libp2p: object | undefined
    const host = await createLibp2p({ start: false, services: { probe: components => { libp2p = components; return {} } } })
    const make = fromLibp2p(bootstrap({ list: [addressOf(self), addressOf(listed.self)], timeout: 20 }), {
      name: 'list', type: 'bootstrap', reporter: { configured: true }
    })
    return {
      mechanism: () => make({ ...context, libp2p }),
      provoke: () => listed.self,
      echo: () => {},
      dispose: () => host.stop()
    }
  }
})
