/**
 * A node in a process of its own, so that it can really crash: the demo ends it with SIGKILL. Started with an IPC
 * channel: gets its {@link Visibility}, answers with its address, and goes when the channel does.
 */
import { addressOf, createNode, type Visibility } from './node.ts'

process.on('disconnect', () => process.exit(0))
process.on('message', (visibility: Visibility) => {
  createNode(visibility).then(
    node => process.send?.({ peer: node.peerId.toString(), address: addressOf(node) }),
    error => process.send?.({ error: String(error) })
  )
})
