import { generateKeyPair } from '@libp2p/crypto/keys'
import { mechanismCompliance } from '@peerweave/compliance'
import { names } from '@peerweave/interface'
import { keySigner, openPeerRecord, sealPeerRecord } from '@peerweave/records'
import { describe, it } from 'vitest'
import { gossip } from '../src/index.ts'
import { decodeAnnouncement, encodeAnnouncement } from '../src/message.ts'

const topic = names().topics.peers

mechanismCompliance({ describe, it }, {
  name: 'gossip',
  async create ({ self, clock, rng, context, node }) {
    const { host } = context.ports
    /** A neighbour that hears what is announced. */
    const neighbour = await node()
    const { ports } = neighbour.context
    let isAnnounced = false
    const subscription = ports.pubsub.subscribe(topic, {
      onMessage ({ data, from }) {
        void openPeerRecord(decodeAnnouncement(data) ?? new Uint8Array()).then(({ record }) => {
          if (from.equals(self)) isAnnounced = (record?.addresses.length ?? 0) > 0
        })
      }
    })
    await ports.host.dial(host.addresses())
    return {
      mechanism: () => gossip({ clock, rng })(context),
      async provoke () {
        const newcomer = await node()
        const serve = gossip({ clock: newcomer.clock, rng: newcomer.rng })(newcomer.context)
        await serve.start()
        await newcomer.context.ports.host.dial(host.addresses())
        return newcomer.self
      },
      async echo () {
        const record = await sealPeerRecord({ signer: host.signer, multiaddrs: host.addresses(), seq: 1n })
        await ports.pubsub.publish(topic, encodeAnnouncement(record))
      },
      async hostile () {
        await ports.pubsub.publish(topic, Uint8Array.of(0xff))
        const signer = keySigner(await generateKeyPair('Ed25519'))
        await ports.pubsub.publish(topic, encodeAnnouncement(await sealPeerRecord({ signer, multiaddrs: host.addresses(), seq: 1n })))
      },
      async fail () {
        // The one neighbour that could be asked breaks off.
        await ports.rpc.handle(names().protocols.exchange, async () => {
          await ports.rpc.unhandle(names().protocols.exchange)
          throw new Error('out of order')
        }, { maxRequest: 8_192, timeout: 1_000 })
        await host.close(neighbour.self)
        await ports.host.dial(host.addresses())
      },
      announced: () => isAnnounced,
      dispose: () => subscription.unsubscribe()
    }
  }
})
