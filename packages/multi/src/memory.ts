/**
 * The smallest mechanism, and the one to read first: peers of one process meet at a hub. Real use: tests, examples,
 * several nodes in one process.
 */
import { defineMechanism, knownOptions, limits, nameOption, numberOption, show } from '@peerweave/interface'
import { mechanismModule } from '@peerweave/libp2p'
import { MEMORY_TTL } from './constants.ts'
import type { Claim, Clock, MechanismContext, MechanismFactory, Reporter, SelfRecord, Session, Sighting } from '@peerweave/interface'

/** What a hub remembers of a member that announced itself, and whom it tells of others. */
interface Member {
  record: SelfRecord | undefined
  tell: (sighting: Sighting) => void
}

/** Where the memory mechanisms of one process meet. Holds nothing beyond its started members. */
export class MemoryHub {
  readonly #members = new Set<Member>()

  join (member: Member): void {
    this.#members.add(member)
  }

  leave (member: Member): void {
    this.#members.delete(member)
  }

  get size (): number {
    return this.#members.size
  }

  /** What the members announced, apart from one of them. */
  * records (apart?: Member): Generator<SelfRecord> {
    for (const member of this.#members) {
      if (member !== apart && member.record != null) yield member.record
    }
  }

  /** Tells all other members. Each gets an object of its own, so that nobody can change another's. */
  tell (from: Member, make: () => Sighting): void {
    for (const member of this.#members) {
      if (member !== from) member.tell(make())
    }
  }
}

export interface MemoryOptions {
  /** Members of the same hub find each other. */
  hub: MemoryHub
  /** @default 'memory' */
  name?: string | undefined
  /** How long an announcement stands, ms. @default {@link MEMORY_TTL} */
  ttl?: number | undefined
  clock?: Clock | undefined
}

/** Members of one process know each other's private addresses by right. */
const REPORTER: Reporter = Object.freeze({ configured: true })

/**
 * @throws TypeError naming a wrong option
 */
export function memory (options: MemoryOptions): MechanismFactory {
  knownOptions('memory', options, ['hub', 'name', 'ttl', 'clock'])
  const { hub, clock } = options
  if (!(hub instanceof MemoryHub)) throw new TypeError(`hub must be a MemoryHub, got ${show(hub)}`)
  const name = nameOption('name', options.name, 'memory')
  const ttl = numberOption('ttl', options.ttl, MEMORY_TTL, { min: 1, max: limits.ttlMax })

  return mechanismModule((context: MechanismContext) => {
    let session: Session | undefined
    const member: Member = { record: undefined, tell: sighting => session?.sight(sighting) }
    const claim = ({ peerId, multiaddrs, protocols, metadata }: SelfRecord): Claim => {
      return { kind: 'claim', peerId, multiaddrs: [...multiaddrs], ttl, reporter: REPORTER, protocols, metadata }
    }
    const goodbye = (): void => {
      const { record } = member
      member.record = undefined
      if (record != null) hub.tell(member, () => ({ kind: 'withdraw', peerId: record.peerId, reporter: REPORTER }))
    }

    return defineMechanism(context, {
      name,
      type: 'memory',
      passive: true,
      clock,
      open (opened) {
        session = opened
        hub.join(member)
      },
      close () {
        goodbye()
        hub.leave(member)
        session = undefined
      },
      async * round () {
        for (const record of hub.records(member)) yield claim(record)
      },
      async announceSelf (self) {
        member.record = self
        hub.tell(member, () => claim(self))
        return { ttl }
      },
      async withdrawSelf () {
        goodbye()
      }
    })
  }, { clock })
}
