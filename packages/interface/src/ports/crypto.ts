/** The port on signatures, so that the simulator can stand in a keyed hash. */
import type { PeerId } from '@libp2p/interface'

export interface Crypto {
  /** True when `signature` over `data` was made by the key of `signer`. Never throws on hostile input. */
  verify: (signer: PeerId, data: Uint8Array, signature: Uint8Array) => Promise<boolean>
  digest: (data: Uint8Array) => Promise<Uint8Array>
}
