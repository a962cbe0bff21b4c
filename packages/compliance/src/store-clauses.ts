/** The peer store contract, clause by clause. Ids are stable: a new clause gets a new one, and a clause never changes its id. */
import {
  chosenStay, connectedNotDisplaced, floodDisplacesOwn, floodHidesNothing, floodOrderFree, namingCostsNothing
} from './checks/store-admission.ts'
import { addressesPerPeer, addressesPerSource, capacity, reportersPerGroup, sourcesPerPeer } from './checks/store-bounds.ts'
import { changesDisplaced, changesEnd, changesMissed, changesToAll, changesTold } from './checks/store-changes.ts'
import { clear, confidenceSound, connection, dismiss, identity, outcomesMonotone, ownContactOnly, removePeer } from './checks/store-contact.ts'
import { flushedSurvives, restartMapsTimes, staysWithdrawn } from './checks/store-durability.ts'
import {
  connectedStays, expireReports, expiresToTheMillisecond, shorterTtl, sourceRunsOut, stampClamped, ttlClamped
} from './checks/store-expiry.ts'
import { holdBringsBack, holdExtends, holdGoodbyes, holdLate, holdSurvives } from './checks/store-holding.ts'
import {
  evidenceCopied, itemsApart, oneEntry, orderFree, refusesNoAddress, refusesStale, repeatUnchanged
} from './checks/store-merging.ts'
import { closestExact, evidenceLive, queries, snapshotsImmutable } from './checks/store-reading.ts'
import { withdrawFirst, withdrawOwn, withdrawPartial, withdrawRemembered, withdrawStranger } from './checks/store-withdrawal.ts'
import type { StoreSupports } from './store-setup.ts'
import type { StoreTrial } from './store-trial.ts'

export interface StoreClause {
  readonly id: string
  /** What a store owes, in one sentence. */
  readonly sentence: string
  /** Skipped where the setup does not support one of these. */
  readonly needs: ReadonlyArray<keyof StoreSupports>
  /** @internal */
  readonly check: (trial: StoreTrial) => Promise<void>
}

/** Each is one test. */
export const storeClauses: readonly StoreClause[] = [
  clause('one-entry', 'Two sources of one peer make one entry that names both.', oneEntry),
  clause('repeat-unchanged', 'A repeat moves times and changes nothing else.', repeatUnchanged),
  clause('order-free', 'The same claims and goodbyes in any order, with repeats, give the same view.', orderFree),
  clause('items-apart', 'What a later claim leaves out stands until it runs out.', itemsApart),
  clause('refuses-stale', 'What arrives too long after it was observed is refused.', refusesStale),
  clause('refuses-no-address', 'A claim without address of an unknown peer is refused.', refusesNoAddress),
  clause('evidence-copied', 'What the caller does to evidence after handing it in changes nothing.', evidenceCopied),

  clause('shorter-ttl', 'A later claim with a shorter ttl shortens.', shorterTtl),
  clause('expires-to-the-millisecond', 'A claim stands until the millisecond it runs out, swept or not.', expiresToTheMillisecond),
  clause('expire-reports', 'expire() counts the peers it drops, keeps to its limit and says when to call again.', expireReports),
  clause('source-runs-out', 'One of two sources running out updates the peer.', sourceRunsOut),
  clause('connected-stays', 'A connected peer outlives its claims, and goes with the connection.', connectedStays),
  clause('ttl-clamped', 'Whatever ttl is claimed, it is finite and within its bounds.', ttlClamped),
  clause('stamp-clamped', 'A stamp from the future, or none at all, outlives no stamp of now.', stampClamped),

  clause('hold-extends', 'Time that is held does not count: what stands stands so much longer, and no more.', holdExtends),
  clause('hold-brings-back', 'What ran out in time that is held then, and was not swept, comes back.', holdBringsBack),
  clause('hold-late', 'What was observed before a hold and comes after it counts as if it had come before.', holdLate),
  clause('hold-goodbyes', 'Over a hold goodbyes and claims keep their order.', holdGoodbyes),

  clause('withdraw-own', 'A goodbye takes back what its own source claimed until then, and nothing else.', withdrawOwn),
  clause('withdraw-partial', 'A goodbye to some addresses keeps the others.', withdrawPartial),
  clause('withdraw-first', 'A goodbye counts for the claims that it overtook.', withdrawFirst),
  clause('withdraw-remembered', 'More goodbyes than are remembered take back more, never less.', withdrawRemembered),
  clause('withdraw-stranger', 'Goodbyes of unknown peers take no place.', withdrawStranger),

  clause('addresses-per-source', 'Of one source the latest addresses are kept, up to the bound.', addressesPerSource),
  clause('addresses-per-peer', 'Of one peer no more addresses are shown than the bound.', addressesPerPeer),
  clause('sources-per-peer', 'Of one peer no more sources are kept than the bound.', sourcesPerPeer),
  clause('reporters-per-group', 'Of one path and group no more reporters are kept than the bound.', reportersPerGroup),
  clause('capacity', 'No more peers are kept than there is room for, and no fewer.', capacity),
  clause('flood-displaces-own', 'A flood from one group displaces only its own, whoever came first.', floodDisplacesOwn),
  clause('flood-order-free', 'Who stays in a flood does not depend on the order of arrival.', floodOrderFree),
  clause('naming-costs-nothing', 'A peer does not pay for who names it first.', namingCostsNothing),
  clause('chosen-stay', 'A source that we chose stays, however many others claim the peer.', chosenStay),
  clause('flood-hides-nothing', 'A flood of addresses hides no address of another source.', floodHidesNothing),
  clause('connected-not-displaced', 'A connected peer is not displaced.', connectedNotDisplaced),

  clause('closest-exact', 'The closest peers are exactly those of a full sort by XOR of SHA-256.', closestExact),
  clause('queries', 'Queries filter, order and limit as they say, ties by peer id.', queries),
  clause('snapshots-immutable', 'A snapshot does not change, and writing into one changes no view.', snapshotsImmutable),
  clause('evidence-live', 'evidence() lists what counts now, with who said it and when.', evidenceLive),

  clause('changes-told', 'Every change is told once, with its cause and what was shown before.', changesTold, ['changes']),
  clause('changes-displaced', 'Who is displaced is told, and a newcomer without a place was never there.', changesDisplaced, ['changes']),
  clause('changes-to-all', 'Every reader gets every change from when it began until it leaves.', changesToAll, ['changes']),
  clause('changes-missed', 'A slow reader is told how many changes it missed.', changesMissed, ['changes']),
  clause('changes-end', 'Changes end with stop, and reading after stop ends at once.', changesEnd, ['changes']),

  clause('outcomes-monotone', 'A failure never raises confidence, a success restores it, and what failed comes last.', outcomesMonotone),
  clause('confidence-sound', 'Confidence is from 0 to 1, does not fall when another group speaks, and fades.', confidenceSound),
  clause('own-contact-only', 'Only our own contact moves lastSeen, never back and never past now.', ownContactOnly),
  clause('identity', 'What identify said replaces what was claimed, within bounds.', identity),
  clause('connection', 'The connection is shown as it was set.', connection),
  clause('remove-peer', 'A removed peer is gone altogether, and may come back.', removePeer),
  clause('dismiss', 'Of a peer that we found gone nothing counts that was said until then.', dismiss),
  clause('clear', 'After clear nothing is remembered of anybody.', clear),

  clause('flushed-survives', 'What was flushed is there after a restart: claims, and how our dials ended.', flushedSurvives, ['durable']),
  clause('restart-maps-times', 'Times go on by the wall clock over a restart.', restartMapsTimes, ['durable']),
  clause('hold-survives', 'Time that was held does not count after a restart either.', holdSurvives, ['durable']),
  clause('stays-withdrawn', 'What was taken back or removed stays so over a restart.', staysWithdrawn, ['durable'])
]

function clause (id: string, sentence: string, check: StoreClause['check'], needs: StoreClause['needs'] = []): StoreClause {
  return { id, sentence, needs, check }
}
