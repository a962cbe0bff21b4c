/** The port on signatures, so that the simulator can stand in a keyed hash. */
import type { PeerId } from '@libp2p/interface'

export interface Crypto {
  /** True when `signature` over `data` was made by the key of `signer`, which is in its id. Never throws on hostile input. */
  verify: (signer: PeerId, data: Uint8Array, signature: Uint8Array) => Promise<boolean>
  /** SHA-256, or in a simulation anything else that keeps different data apart. Always of the same length. */
  digest: (data: Uint8Array) => Uint8Array | Promise<Uint8Array>
}
