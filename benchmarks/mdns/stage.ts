/** Where the processes of a measurement run: on a LAN, one on each host, or all on the loopback interface. */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createLan, whyNoNamespaces, type LanHost } from '../../test/support/namespaces.ts'

export interface Place extends Pick<LanHost, 'address' | 'spawn'> {
  /** What every process here is told on its command line. */
  readonly flags: readonly string[]
}

export interface Stage {
  readonly places: readonly Place[]
  /** Why it is the loopback interface. */
  readonly whyNoLan: string | undefined
  /** As {@link import('../../test/support/namespaces.ts').Lan.setLoss}. */
  readonly setLoss: (share: number) => void
  readonly close: () => void
}

/** A LAN of so many hosts; where there can be none, the loopback interface, on a port that no other mDNS software uses. */
export function openStage (count: number): Stage {
  const whyNoLan = whyNoNamespaces()
  if (whyNoLan === undefined) {
    const lan = createLan(count)
    const places = lan.hosts.map((host): Place => ({
      address: host.address,
      flags: ['--address', host.address],
      spawn: (...args) => host.spawn(...args)
    }))
    return { places, whyNoLan, setLoss: share => lan.setLoss(share), close: () => lan.close() }
  }
  const address = '127.0.0.1'
  const place: Place = {
    address,
    flags: ['--address', address, '--port', String(randomInt(20_000, 40_000))],
    spawn: (command, args, options = {}) => spawn(command, [...args], options)
  }
  return {
    places: Array.from({ length: count }, () => place),
    whyNoLan,
    setLoss () { throw new Error(whyNoLan) },
    close () {}
  }
}
