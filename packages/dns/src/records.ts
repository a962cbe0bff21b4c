/** What a name server says, after it was checked. */

/** The types that we ask for. */
export type RecordType = 'A' | 'AAAA' | 'SRV' | 'TXT' | 'CNAME' | 'SOA'

interface Common {
  /** Lower case, no dot at the end. Labels are joined with dots as they are: one with a dot inside is refused before. */
  readonly name: string
  /** Seconds, as on the wire. RFC 2181 §8: one with the highest bit set is 0. */
  readonly ttl: number
}

export type DnsRecord = Common & (
  | { readonly type: 'A' | 'AAAA', readonly address: string }
  /** RFC 2782. Target `.` says that the service is decidedly not there. */
  | { readonly type: 'SRV', readonly priority: number, readonly weight: number, readonly port: number, readonly target: string }
  | { readonly type: 'TXT', readonly strings: readonly Uint8Array[] }
  | { readonly type: 'CNAME', readonly target: string }
  /** How long its zone lets others believe that something is not there, seconds. RFC 2308 §4. */
  | { readonly type: 'SOA', readonly minimum: number }
)

/** Response codes that a client tells apart; any other is `OTHER`. RFC 1035 §4.1.1. */
export type ResponseCode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED' | 'OTHER'

export interface DnsAnswer {
  readonly code: ResponseCode
  readonly answers: readonly DnsRecord[]
  readonly authorities: readonly DnsRecord[]
  readonly additionals: readonly DnsRecord[]
  /** The server that gave it, `127.0.0.1:53`, `[::1]:53` or a URL. */
  readonly server: string
}

/** One question, answered. Rejects with a DnsError that names what was asked and what each server did; with AbortError when aborted. */
export interface Query {
  (name: string, type: RecordType, options?: { signal?: AbortSignal | undefined }): Promise<DnsAnswer>
}
