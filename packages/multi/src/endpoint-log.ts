/**
 * What became of addresses of which no peer was known, for `explain`.
 *
 * BOUNDED by `limits.endpoints`; the one that was said longest ago goes.
 */
import { limits, setLatest } from '@peerweave/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Unidentified } from './endpoints.ts'

export interface LoggedEndpoint {
  /** Path of the mechanism that said it. */
  source: string
  /** When, wall-clock ms. */
  at: number
  /** `asking`: it is being dialled, or waits for that. A peer's id: who is there. Otherwise why nobody is known there. */
  found: 'asking' | Unidentified | { peerId: string }
}

export class EndpointLog {
  readonly #byAddress = new Map<string, LoggedEndpoint>()

  add (address: Multiaddr, endpoint: LoggedEndpoint): void {
    setLatest(this.#byAddress, address.toString(), endpoint, limits.endpoints)
  }

  of (address: Multiaddr): LoggedEndpoint | undefined {
    return this.#byAddress.get(address.toString())
  }

  clear (): void {
    this.#byAddress.clear()
  }
}
