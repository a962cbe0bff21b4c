/**
 * A saved peer as bytes. Optional parts are told by flags in front; an item that has the times of the one before it says
 * so in one bit, which nearly all do.
 *
 * Times are monotonic milliseconds of the boot that wrote the record: one offset for each boot maps them all to the
 * clock of this one (`boots.ts`), so that no two change places.
 */
import { limits } from '@peerweave/interface'
import { KINDS, type Item, type ItemKind, type SourceItems } from '../claims.ts'
import { ByteReader, MalformedError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { TriedEntry } from '../admission/tried-table.ts'
import type { Outcomes } from '../confidence.ts'
import type { Identity } from '../contact.ts'
import type { Dormant } from '../dormant.ts'
import type { SignedState } from '../signed-floor.ts'
import type { SavedContact, SavedPeer, SavedWithdrawal } from './saved-peer.ts'
import type { Reputation, Source } from '@peerweave/interface'

const CONTACT = 1
const SIGNED = 2
const WITHDRAWALS = 4
const TRIED = 8
const DORMANT = 16

const LAST_SEEN = 1
const LAST_SUCCESS = 2
const IDENTITY = 4
const ADDRESS_OUTCOMES = 8
const PROVEN_ADDRESS = 16

const LAST_FAILURE = 1

const REPORTER = 1
const CHOSEN = 2
const SUBGROUP = 4
const OTHER_TYPE = 8

const KIND_BITS = 0x03
const SAME_TIMES = 0x04

/** Both kinds of one source's addresses, and the rest of what it may say. */
const ITEMS = limits.addressesPerSource + limits.addressesPerClaim + limits.protocolsPerPeer + limits.metadataKeys

const writer = new ByteWriter()

/**
 * @param boot - the number of this boot, by whose clock the times are
 * @returns a view, which holds until the next call
 */
export function encodePeer (peer: SavedPeer, boot: number): Uint8Array {
  const { firstSeen, contact, tried, dormant, signed, withdrawals, sources } = peer
  writer.take() // what a failed call left
  writer.varint(boot)
  writer.byte((contact == null ? 0 : CONTACT) | (signed == null ? 0 : SIGNED) | (withdrawals.length === 0 ? 0 : WITHDRAWALS) |
    (tried == null ? 0 : TRIED) | (dormant == null ? 0 : DORMANT))
  writer.float(firstSeen)
  if (contact != null) writeContact(contact)
  if (tried != null) writeTried(tried)
  if (dormant != null) writeDormant(dormant)
  if (signed != null) writeSigned(signed)
  if (withdrawals.length > 0) writeWithdrawals(withdrawals)
  writer.varint(sources.length)
  for (const source of sources) writeItems(source)
  return writer.take()
}

/**
 * @param shiftOf - what to add to a time of a boot; throws for one that is not known
 * @throws MalformedError for bytes that `encodePeer` did not write
 */
export function decodePeer (id: string, bytes: Uint8Array, shiftOf: (boot: number) => number): SavedPeer {
  const reader = new ByteReader(bytes)
  const shift = shiftOf(reader.varint())
  const flags = reader.byte()
  const firstSeen = reader.time() + shift
  const contact = (flags & CONTACT) === 0 ? undefined : readContact(reader, shift)
  const tried = (flags & TRIED) === 0 ? undefined : readTried(reader, id, shift)
  const dormant = (flags & DORMANT) === 0 ? undefined : readDormant(reader, shift)
  const signed = (flags & SIGNED) === 0 ? undefined : readSigned(reader, shift)
  const withdrawals = (flags & WITHDRAWALS) === 0 ? [] : readWithdrawals(reader, shift)
  // What one source certified may stand apart from what it claimed, so twice as many.
  const sources = list(reader, 2 * limits.sourcesPerPeer, () => readItems(reader, shift))
  if (!reader.isAtEnd) throw new MalformedError('something follows')
  return { id, firstSeen, contact, tried, dormant, signed, withdrawals, sources }
}

// — parts, each written and read —

function writeItems ({ source, items }: SourceItems): void {
  writeSource(source)
  writer.varint(items.length)
  let before: Item | undefined
  for (const item of items) {
    const isSame = item.observedAt === before?.observedAt && item.expiresAt === before.expiresAt
    writer.byte(KINDS.indexOf(item.kind) | (isSame ? SAME_TIMES : 0))
    if (!isSame) {
      writer.float(item.observedAt)
      writer.float(item.expiresAt)
    }
    writer.text(item.name)
    if (item.kind === 'metadata') writer.text(item.value)
    before = item
  }
}

function readItems (reader: ByteReader, shift: number): SourceItems {
  const source = readSource(reader)
  let [observedAt, expiresAt] = [0, 0]
  const items = list(reader, ITEMS, (): Item => {
    const byte = reader.byte()
    const kind = KINDS[byte & KIND_BITS] as ItemKind
    if ((byte & SAME_TIMES) === 0) {
      observedAt = reader.time() + shift
      expiresAt = reader.time() + shift
    }
    const name = reader.text()
    return { kind, name, value: kind === 'metadata' ? reader.text() : '', observedAt, expiresAt }
  })
  return { source, items }
}

function writeSource ({ path, type, group, reporter, isChosen, subgroup }: Source): void {
  writer.byte((reporter == null ? 0 : REPORTER) | (isChosen === true ? CHOSEN : 0) | (subgroup == null ? 0 : SUBGROUP) |
    (type === path ? 0 : OTHER_TYPE))
  writer.text(path)
  if (type !== path) writer.text(type)
  writer.text(group)
  if (reporter != null) writer.text(reporter)
  if (subgroup != null) writer.text(subgroup)
}

function readSource (reader: ByteReader): Source {
  const flags = reader.byte()
  const path = reader.text()
  return {
    path,
    type: (flags & OTHER_TYPE) === 0 ? path : reader.text(),
    group: reader.text(),
    reporter: (flags & REPORTER) === 0 ? undefined : reader.text(),
    subgroup: (flags & SUBGROUP) === 0 ? undefined : reader.text(),
    isChosen: (flags & CHOSEN) !== 0
  }
}

function writeContact ({ lastSeen, outcomes, addressOutcomes, reputation, identity, provenAddress }: SavedContact): void {
  writer.byte((lastSeen == null ? 0 : LAST_SEEN) | (identity == null ? 0 : IDENTITY) | (addressOutcomes.size === 0 ? 0 : ADDRESS_OUTCOMES) |
    (provenAddress == null ? 0 : PROVEN_ADDRESS))
  if (lastSeen != null) writer.float(lastSeen)
  writeOutcomes(outcomes)
  if (addressOutcomes.size > 0) {
    writer.varint(addressOutcomes.size)
    for (const [name, of] of addressOutcomes) {
      writer.text(name)
      writeOutcomes(of)
    }
  }
  for (const number of [reputation.mean, reputation.lower, reputation.n]) writer.float(number)
  if (identity != null) writeIdentity(identity)
  if (provenAddress != null) writer.text(provenAddress)
}

function readContact (reader: ByteReader, shift: number): SavedContact {
  const flags = reader.byte()
  return {
    lastSeen: (flags & LAST_SEEN) === 0 ? undefined : reader.time() + shift,
    outcomes: readOutcomes(reader, shift),
    addressOutcomes: new Map((flags & ADDRESS_OUTCOMES) === 0
      ? []
      : list(reader, limits.addressesPerPeer, () => [reader.text(), readOutcomes(reader, shift)] as const)),
    reputation: readReputation(reader),
    identity: (flags & IDENTITY) === 0 ? undefined : readIdentity(reader),
    provenAddress: (flags & PROVEN_ADDRESS) === 0 ? undefined : reader.text()
  }
}

function readReputation (reader: ByteReader): Reputation {
  return { mean: reader.time(), lower: reader.time(), n: reader.time() }
}

function writeOutcomes ({ lastSuccess, failures, lastFailure }: Outcomes): void {
  writer.byte((lastSuccess == null ? 0 : LAST_SUCCESS) | (lastFailure == null ? 0 : LAST_FAILURE))
  if (lastSuccess != null) writer.float(lastSuccess)
  writer.varint(failures)
  if (lastFailure != null) writer.float(lastFailure)
}

function readOutcomes (reader: ByteReader, shift: number): Outcomes {
  const flags = reader.byte()
  return {
    lastSuccess: (flags & LAST_SUCCESS) === 0 ? undefined : reader.time() + shift,
    failures: reader.varint(),
    lastFailure: (flags & LAST_FAILURE) === 0 ? undefined : reader.time() + shift
  }
}

function writeIdentity ({ protocols, agentVersion, protocolVersion }: Identity): void {
  writer.varint(protocols.length)
  for (const protocol of protocols) writer.text(protocol)
  for (const text of [agentVersion, protocolVersion]) {
    writer.byte(text == null ? 0 : 1)
    if (text != null) writer.text(text)
  }
}

function readIdentity (reader: ByteReader): Identity {
  return {
    protocols: Object.freeze(list(reader, limits.protocolsPerPeer, () => reader.text())),
    agentVersion: reader.byte() === 0 ? undefined : reader.text(),
    protocolVersion: reader.byte() === 0 ? undefined : reader.text()
  }
}

function writeTried ({ group, subgroup, since, lastSuccess, failures, lastFailure }: TriedEntry): void {
  writer.text(group)
  writer.text(subgroup)
  writer.float(since)
  writer.float(lastSuccess)
  writer.varint(failures)
  writer.byte(lastFailure == null ? 0 : LAST_FAILURE)
  if (lastFailure != null) writer.float(lastFailure)
}

function readTried (reader: ByteReader, id: string, shift: number): TriedEntry {
  return {
    id,
    group: reader.text(),
    subgroup: reader.text(),
    since: reader.time() + shift,
    lastSuccess: reader.time() + shift,
    failures: reader.varint(),
    lastFailure: (reader.byte() & LAST_FAILURE) === 0 ? undefined : reader.time() + shift
  }
}

function writeDormant ({ since, addresses }: Dormant): void {
  writer.float(since)
  writer.varint(addresses.length)
  for (const address of addresses) writer.text(address)
}

function readDormant (reader: ByteReader, shift: number): Dormant {
  return { since: reader.time() + shift, addresses: list(reader, limits.addressesPerDial, () => reader.text()) }
}

function writeSigned ({ seq, hash, envelope, rival, expiresAt }: SignedState): void {
  writer.uint64(seq)
  writer.packed(hash)
  writer.packed(envelope)
  writer.packed(rival ?? '')
  writer.float(expiresAt)
}

function readSigned (reader: ByteReader, shift: number): SignedState {
  const [seq, hash, envelope, rival] = [reader.uint64(), reader.packed(), reader.packed(), reader.packed()]
  return { seq, hash, envelope, rival: rival === '' ? undefined : rival, expiresAt: reader.time() + shift }
}

function writeWithdrawals (withdrawals: readonly SavedWithdrawal[]): void {
  writer.varint(withdrawals.length)
  for (const { source, all, addresses, byAddress } of withdrawals) {
    writeSource(source)
    writer.float(all)
    writer.float(addresses)
    writer.varint(byAddress.size)
    for (const [name, time] of byAddress) {
      writer.text(name)
      writer.float(time)
    }
  }
}

function readWithdrawals (reader: ByteReader, shift: number): SavedWithdrawal[] {
  return list(reader, limits.sourcesPerPeer, () => ({
    source: readSource(reader),
    all: readWithdrawalTime(reader) + shift,
    addresses: readWithdrawalTime(reader) + shift,
    byAddress: new Map(list(reader, limits.withdrawalsPerSource, () => [reader.text(), reader.time() + shift] as const))
  }))
}

/** `-Infinity`: none. */
function readWithdrawalTime (reader: ByteReader): number {
  const time = reader.float()
  if (Number.isNaN(time) || time === Infinity) throw new MalformedError('a time is none')
  return time
}

function list<Part> (reader: ByteReader, bound: number, read: () => Part): Part[] {
  const parts: Part[] = []
  for (let left = reader.count(bound); left > 0; left--) parts.push(read())
  return parts
}
