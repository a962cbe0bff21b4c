/**
 * A node in a process of its own, so that it can really crash: the demo ends it with SIGKILL. Started with an IPC
 * channel: gets its {@link Visibility}, answers with its address, and leaves with a goodbye when the channel closes.
 */
import { systemClock } from '@peerweave/interface'
import { GOODBYE_PATIENCE } from './constants.ts'
import { addressOf, createNode, type Visibility } from './node.ts'
import type { Libp2p } from '@libp2p/interface'

let node: Libp2p | undefined

process.on('disconnect', () => {
  if (node == null) process.exit(0)
  // Nobody is left to end a process whose goodbye hangs.
  systemClock().setTimeout(() => process.exit(1), GOODBYE_PATIENCE)
  Promise.resolve(node.stop()).then(() => process.exit(0), () => process.exit(1))
})
process.on('message', (visibility: Visibility) => {
  createNode(visibility).then(
    created => {
      node = created
      process.send?.({ peer: node.peerId.toString(), address: addressOf(node) })
    },
    error => process.send?.({ error: String(error) })
  )
})
