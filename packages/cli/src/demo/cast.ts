/** The nodes to be found: started, stopped and killed here. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { addressOf, createNode, type Visibility } from './node.ts'

export interface Actor {
  readonly peer: string
  readonly address: string
  /** On the bootstrap list. */
  readonly isListed: boolean
  /** Announces itself by mDNS, and says goodbye there. */
  readonly isOnLan: boolean
  /** Gracefully, with a goodbye; resolves when gone. */
  leave: () => Promise<void>
  /** Without a word. Only a process of its own can; `undefined` for the others. */
  crash?: () => void
}

export class Cast {
  readonly #mdnsPort: number | undefined
  readonly #actors = new Set<Actor>()
  /** Nodes ever started. */
  started = 0

  /** @param mdnsPort - `undefined` where this machine has no multicast on loopback: then everybody is listed */
  constructor (mdnsPort: number | undefined) {
    this.#mdnsPort = mdnsPort
  }

  get actors (): readonly Actor[] {
    return [...this.#actors]
  }

  /** A node in this process: found by mDNS, by the bootstrap list, or both. */
  async join (found: { mdns: boolean, listed: boolean }): Promise<Actor> {
    const { visibility, isListed } = this.#visibility(found)
    const node = await createNode(visibility)
    return this.#add({
      peer: node.peerId.toString(),
      address: addressOf(node),
      isListed,
      isOnLan: visibility.mdnsPort != null,
      leave: async () => { await node.stop() }
    })
  }

  /** A node in a process of its own, which can crash. */
  async joinProcess (): Promise<Actor> {
    const { visibility, isListed } = this.#visibility({ mdns: true, listed: true })
    const file = new URL(`./crash-node${extname(import.meta.filename)}`, import.meta.url)
    // Detached: Ctrl-C in a terminal goes to the whole group, and this one ends with its channel.
    const child = fork(file, { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    try {
      child.send(visibility)
      const [answer] = await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(([code]) => { throw new Error(`a node's process ended with code ${code}`) })
      ])
      const { peer, address, error } = answer as { peer: string, address: string, error?: string }
      if (error != null) throw new Error(error)
      const actor = this.#add({
        peer,
        address,
        isListed,
        isOnLan: visibility.mdnsPort != null,
        leave: async () => { await dismiss(child) },
        crash: () => {
          this.#actors.delete(actor)
          void kill(child)
        }
      })
      return actor
    } catch (error) {
      await kill(child)
      throw error
    }
  }

  async leave (actor: Actor): Promise<void> {
    this.#actors.delete(actor)
    await actor.leave()
  }

  async end (): Promise<void> {
    await Promise.allSettled(this.actors.map(actor => this.leave(actor)))
  }

  #visibility ({ mdns, listed }: { mdns: boolean, listed: boolean }): { visibility: Visibility, isListed: boolean } {
    if (this.#mdnsPort == null) return { visibility: {}, isListed: true }
    return { visibility: mdns ? { mdnsPort: this.#mdnsPort } : {}, isListed: listed }
  }

  #add (actor: Actor): Actor {
    this.started++
    this.#actors.add(actor)
    return actor
  }
}

/** Closes the channel, at which the process stops its node and ends, within `GOODBYE_PATIENCE`. */
async function dismiss (child: ChildProcess): Promise<void> {
  if (child.exitCode != null || child.signalCode != null) return
  const gone = once(child, 'exit')
  if (child.connected) child.disconnect()
  await gone
}

async function kill (child: ChildProcess): Promise<void> {
  if (child.exitCode != null || child.signalCode != null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
