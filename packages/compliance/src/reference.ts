/** The reference mechanism: as small as one can be that keeps every clause, and the one that all bad ones are made of. */
import { defineMechanism, dropCounter, jitter, systemClock, systemRng } from '@peerweave/interface'
import { noticeBoard, parseNotice, type NoticeBoard } from './notice-board.ts'
import type { Claim, Clock, DiscoveryMechanism, MechanismContext, MechanismSpec, Rng, Sighting } from '@peerweave/interface'
import type { MechanismSetup, Supports } from './setup.ts'

export interface ReferenceOptions {
  board: NoticeBoard
  /** @default systemClock() */
  clock?: Clock
  /** @default systemRng() */
  rng?: Rng
}

/** Finds peers on a {@link NoticeBoard}: those posted while it runs at once, the others by asking. */
export function reference (options: ReferenceOptions): (context: Pick<MechanismContext, 'ports'>) => DiscoveryMechanism {
  return context => defineMechanism(context, referenceSpec(options))
}

/** How long a round waits before it reads, ms: as if a question had to travel. */
const WINDOW = 100

/** How long an announcement stands, ms. */
const ANNOUNCED_TTL = 600_000

/** The parts, for whoever wants one of them broken. */
export function referenceSpec (
  { board, clock = systemClock(), rng = systemRng() }: ReferenceOptions, parse: (notice: unknown) => Claim | undefined = parseNotice
): MechanismSpec {
  const { dropped, drop } = dropCounter()
  const claimOf = (notice: unknown): Claim | undefined => {
    const claim = parse(notice)
    if (claim == null) drop('malformed')
    return claim
  }
  const read = async function * (signal: AbortSignal): AsyncGenerator<Sighting> {
    await clock.sleep(jitter(rng, WINDOW, 0.2), { signal })
    for (const notice of board.read()) {
      const claim = claimOf(notice)
      if (claim != null) yield claim
    }
  }
  let unsubscribe: (() => void) | undefined
  return {
    name: 'reference',
    type: 'reference',
    passive: true,
    clock,
    dropped,
    open ({ sight }) {
      unsubscribe = board.subscribe(notice => {
        const claim = claimOf(notice)
        if (claim != null) sight(claim)
      })
    },
    close: () => unsubscribe?.(),
    round: ({ signal }) => read(signal),
    async * findPeer (id, { signal }) {
      for await (const sighting of read(signal)) {
        if (sighting.kind === 'claim' && sighting.peerId.equals(id)) yield sighting
      }
    },
    async announceSelf ({ peerId, multiaddrs }, { signal }) {
      await clock.sleep(jitter(rng, WINDOW, 0.2), { signal })
      board.post('self', { id: peerId.toString(), addresses: multiaddrs.map(String), ttl: ANNOUNCED_TTL })
      return { ttl: ANNOUNCED_TTL }
    },
    withdrawSelf: async () => { board.remove('self') }
  }
}

/** Plugs the reference, or anything else that reads a notice board, into the suite. */
export function noticeBoardSetup (
  name: string, factory: (options: ReferenceOptions) => (context: MechanismContext) => DiscoveryMechanism, supports: Supports = {}
): MechanismSetup {
  return {
    name,
    supports,
    create: ({ clock, rng, self, context, node }) => {
      const board = noticeBoard()
      const notice = (id: unknown): object => ({ id: String(id), addresses: ['/ip4/192.0.2.1/tcp/4001'], ttl: 60_000 })
      return {
        mechanism: () => factory({ board, clock, rng })(context),
        async provoke () {
          const { self: peer } = await node()
          board.post(peer.toString(), notice(peer))
          return peer
        },
        echo: () => { board.post('echo', notice(self)) },
        hostile () {
          board.post('nothing', null)
          board.post('bad id', notice('nobody'))
          board.post('bad ttl', { ...notice(self), ttl: NaN })
        },
        fail: () => { board.tear() },
        announced: () => board.has('self'),
        leftovers: () => Array<string>(board.readers).fill('subscription to the board')
      }
    }
  }
}
