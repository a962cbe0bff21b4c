/** The signed records in the store, for mechanisms that are asked which peers we know. */
import { shuffle, withoutPeer, type Clock, type Evidence, type PeerStore, type RecordSource, type Rng, type StandingRecord } from '@peerweave/interface'
import { DRAWN_FOR, DRAWN_PEERS } from './constants.ts'
import type { PeerId } from '@libp2p/interface'

export interface RecordSourceInit {
  store: PeerStore
  clock: Clock
  rng: Rng
}

export function recordSource ({ store, clock, rng }: RecordSourceInit): RecordSource {
  let drawn: readonly PeerId[] = []
  let drawnAt = -Infinity

  const get = (id: PeerId): StandingRecord | undefined => {
    let standing: StandingRecord | undefined
    for (const { record, multiaddrs, expiresAt } of store.evidence(id)) {
      if (record == null || !isWhole({ record, multiaddrs })) continue
      const ttl = expiresAt - clock.now()
      const isBetter = standing == null || record.seq > standing.record.seq || (record.seq === standing.record.seq && ttl > standing.ttl)
      if (isBetter) standing = { record, ttl }
    }
    return standing
  }

  /** The same for a while, whoever asks: drawing goes through the whole table, and nobody is to read all of it by asking often. */
  const draw = (): readonly PeerId[] => {
    if (clock.now() - drawnAt < DRAWN_FOR) return drawn
    drawnAt = clock.now()
    const tables = (['tried', 'new'] as const).flatMap(table => store.pick({ table, count: DRAWN_PEERS }))
    return drawn = [...new Map(tables.map(({ peerId }) => [peerId.toString(), peerId])).values()]
  }

  return {
    get,
    sample (count, { protocols = [], without = () => false } = {}) {
      const speaksAll = (id: PeerId): boolean => {
        const spoken = protocols.length === 0 ? [] : store.peek(id)?.protocols ?? []
        return protocols.every(name => spoken.includes(name))
      }
      const result: StandingRecord[] = []
      for (const id of shuffle(rng, draw())) {
        if (result.length >= count) break
        const standing = without(id) || !speaksAll(id) ? undefined : get(id)
        if (standing != null) result.push(standing)
      }
      return result
    }
  }
}

/** All that it says passed our policy when it came: nobody learns by us what was not believed of whoever told us. */
function isWhole ({ record, multiaddrs }: Required<Pick<Evidence, 'record' | 'multiaddrs'>>): boolean {
  const believed = new Set(multiaddrs.map(String))
  return record != null && record.addresses.length > 0 && record.addresses.every(address => believed.has(withoutPeer(address).toString()))
}
