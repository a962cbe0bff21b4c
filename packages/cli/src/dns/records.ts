/** The records of peers, as the commands print them. */
import { toError, type SelfRecord } from '@peerweave/interface'
import { zone } from '@peerweave/dns'
import { leftOut } from './peers.ts'
import { UsageError } from '../usage-error.ts'

export interface RecordsOptions {
  domain: string
  service: string
  /** Seconds. */
  ttl: number
  private?: boolean | undefined
}

/** A record of one peer. `data` is in the form of zone files, as the programs of DNS providers take it. */
export interface PeerRecord {
  peer: string
  name: string
  /** Seconds. */
  ttl: number
  type: string
  data: string
}

export interface Records {
  /** For a zone file. */
  readonly text: string
  readonly records: readonly PeerRecord[]
}

/**
 * Says on stderr which addresses are not among them.
 *
 * @throws UsageError when a peer has no address for the zone, or an option is wrong
 */
export function recordsOf (peers: readonly SelfRecord[], { domain, service, ttl, private: isPrivate = false }: RecordsOptions): Records {
  for (const note of leftOut(peers, isPrivate)) console.error(`peerweave dns: ${note}`)
  try {
    const texts = peers.map(peer => ({ peer: peer.peerId.toString(), text: zone([peer], { domain, service, ttl: ttl * 1_000, private: isPrivate }) }))
    return {
      text: texts.map(({ text }) => text).join(''),
      records: texts.flatMap(({ peer, text }) => text.trimEnd().split('\n').map(line => ({ peer, ...parse(line) })))
    }
  } catch (error) {
    throw new UsageError(toError(error).message, { cause: error })
  }
}

/** One line of `zone()`, whose first four parts hold no blank. */
function parse (line: string): Omit<PeerRecord, 'peer'> {
  const [name = '', ttl, , type = '', ...data] = line.split(' ')
  return { name, ttl: Number(ttl), type, data: data.join(' ') }
}
