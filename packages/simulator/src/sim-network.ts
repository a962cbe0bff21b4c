/** A network of simulated hosts. */
import { SimHost, type SimHostInit } from './sim-host.ts'
import { Wires, type WireCounts, type WiresInit } from './wires.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

export interface SimNetwork {
  /**
   * A new life of the node `init.name`; the one before must have ended. Its addresses stay its own in all lives.
   *
   * @throws TypeError when it is up already, or an address is another node's
   */
  join: (init: SimHostInit) => SimHost
  /** Gives addresses to a node that is still to come: dials are sent again until it is there, as to a machine that boots. */
  reserve: (name: string, addresses: readonly Multiaddr[]) => void
  /**
   * From now on only nodes of the same group reach each other; those that no group names are one more group. Nobody is
   * told: messages are sent again until their senders give up, so a short cut goes by unseen.
   */
  partition: (...groups: Array<Iterable<string>>) => void
  /** Pulls the cable of one node: it reaches nobody and nobody reaches it. */
  cut: (node: string) => void
  /** Puts the cable of one node back; without a name all of them, and ends the partition. */
  heal: (node?: string) => void
  readonly counts: WireCounts
}

/** @throws TypeError naming a wrong link option */
export function simNetwork (init: WiresInit): SimNetwork {
  const wires = new Wires<SimHost>(init)
  return {
    counts: wires.counts,
    join (init) {
      wires.reserve(init.name, init.addresses)
      const host = new SimHost(wires, init)
      wires.attach(host)
      return host
    },
    reserve: (name, addresses) => wires.reserve(name, addresses),
    partition: (...groups) => wires.partition(...groups),
    cut: node => wires.cut(node),
    heal: node => wires.heal(node)
  }
}
