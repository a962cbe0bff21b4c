/**
 * In which order peers are dialled after a start, when whoever poisoned the tables hopes to be all that we meet.
 *
 * First the anchors, to whom we were connected last. Then elders, the longest proven first, until four have answered: who
 * was proven before an attack began is not of the attack.
 * When the elders run out before, tried peers by group take their place. Then tried and new by group in turns: the new
 * ones are how a node learns of peers that it has not met. At most one of each network, anchors and elders included, as
 * long as there are others.
 *
 * A pure policy: whoever dials says how it went and asks for the next. BOUNDED by what it is given.
 */
import { pick } from './pick.ts'
import type { Rng } from '@peerweave/interface'

export interface FirstDialsOptions {
  /** The best first. */
  readonly anchors: readonly string[]
  /** The longest proven first. */
  readonly elders: readonly string[]
  /** Ids by group: `TriedTable.groups()`, `NewTable.groups()`. */
  readonly tried: ReadonlyArray<readonly string[]>
  readonly new: ReadonlyArray<readonly string[]>
  readonly rng: Rng
  /** The network of a peer's own address. */
  readonly networkOf?: ((id: string) => string | undefined) | undefined
  /** How many elders, or tried peers in their place, answer before others are dialled. @default 4 */
  readonly proven?: number | undefined
}

/** Half of the first eight connections (ledger research §B: with honest elders no eclipse in 10,000 restarts). */
const PROVEN = 4
/** Drawn at once; a batch is used up before the next is drawn. */
const BATCH = 8

type Kind = 'anchor' | 'proven' | 'tried' | 'new'

export class FirstDials {
  readonly #options: FirstDialsOptions
  readonly #wanted: number
  /** Given out, and what for. */
  readonly #given = new Map<string, Kind>()
  readonly #answered = new Set<string>()
  readonly #networks = new Set<string>()
  readonly #anchors: string[]
  readonly #elders: string[]
  readonly #drawn: { tried: string[], new: string[] } = { tried: [], new: [] }
  #provenAnswers = 0
  #isNewsTurn = false

  constructor (options: FirstDialsOptions) {
    this.#options = options
    this.#wanted = options.proven ?? PROVEN
    this.#anchors = [...options.anchors]
    this.#elders = [...options.elders]
  }

  /**
   * Whom to dial next; undefined when nobody is left. May be asked before earlier dials have ended: then elders are dialled
   * ahead of need, so that slow ones delay nothing.
   */
  next (): string | undefined {
    const anchor = this.#fresh(this.#anchors)
    if (anchor != null) return this.#give(anchor, 'anchor')
    if (this.#provenAnswers < this.#wanted) {
      const proven = this.#fresh(this.#elders) ?? this.#draw('tried')
      if (proven != null) return this.#give(proven, 'proven')
    }
    this.#isNewsTurn = !this.#isNewsTurn
    const order = this.#isNewsTurn ? ['tried', 'new'] as const : ['new', 'tried'] as const
    for (const mayShare of [false, true]) {
      for (const kind of order) {
        const id = this.#draw(kind, mayShare)
        if (id != null) return this.#give(id, kind)
      }
    }
    return undefined
  }

  /** A dial of somebody whom `next` gave reached it. */
  answered (id: string): void {
    if (this.#answered.has(id)) return
    this.#answered.add(id)
    if (this.#given.get(id) === 'proven') this.#provenAnswers++
  }

  /** It did not: its network may be dialled again. */
  failed (id: string): void {
    const network = this.#options.networkOf?.(id)
    if (network != null && !this.#answered.has(id)) this.#networks.delete(network)
  }

  #give (id: string, kind: Kind): string {
    this.#given.set(id, kind)
    const network = this.#options.networkOf?.(id)
    if (network != null) this.#networks.add(network)
    return id
  }

  #fresh (queue: string[]): string | undefined {
    const at = queue.findIndex(id => !this.#given.has(id) && !this.#isTaken(id))
    return at === -1 ? undefined : queue.splice(at, 1)[0]
  }

  #isTaken (id: string): boolean {
    const network = this.#options.networkOf?.(id)
    return network != null && this.#networks.has(network)
  }

  /** @param mayShare - of a network that is taken too, when there is no other */
  #draw (kind: 'tried' | 'new', mayShare = false): string | undefined {
    const queue = this.#drawn[kind]
    const known = this.#fresh(queue)
    if (known != null) return known
    const { rng, networkOf } = this.#options
    const without = new Set(this.#given.keys())
    const [first, ...rest] = pick(this.#options[kind], BATCH, rng, { networkOf, without, taken: this.#networks })
    if (first == null || (this.#isTaken(first) && !mayShare)) return undefined
    queue.splice(0, Infinity, ...rest)
    return first
  }
}
