/**
 * Every name that Peerweave puts on the wire, built from one prefix. Two prefixes share no name, so two networks with
 * different prefixes never meet. docs/protocols/README.md has the version rule.
 */
export const DEFAULT_PREFIX = 'peerweave'

export interface Names {
  readonly prefix: string
  /** Stream protocols. */
  readonly protocols: {
    readonly exchange: string
    readonly kad: string
    readonly request: string
  }
  /** Pubsub topics. */
  readonly topics: {
    readonly peers: string
    readonly network: string
  }
  /** DHT namespaces to provide and search under (`CIDv1(raw, sha2-256(namespace))`). */
  readonly namespaces: {
    readonly peers: string
  }
  /** Domain string of our signed envelopes (libp2p specs, RFC 0002). */
  readonly recordDomain: string
  /** Identify strings. */
  readonly identify: {
    readonly protocolVersion: string
    readonly agentVersion: (version: string) => string
  }
}

/**
 * @param prefix - 1 to 32 of `a–z 0–9 -`, starting and ending with a letter or digit (a DNS label, RFC 1035 §2.3.1)
 */
export function names (prefix: string = DEFAULT_PREFIX): Names {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(prefix)) {
    throw new TypeError(`prefix must be 1 to 32 of a-z, 0-9 and inner "-", got ${JSON.stringify(prefix)}`)
  }
  return {
    prefix,
    protocols: {
      exchange: `/${prefix}/exchange/1.0.0`,
      kad: `/${prefix}/kad/1.0.0`,
      request: `/${prefix}/request/1.0.0`
    },
    topics: {
      peers: `/${prefix}/peers/1.0.0`,
      network: `/${prefix}/network/1.0.0`
    },
    namespaces: {
      peers: `/${prefix}/peers/1.0.0`
    },
    recordDomain: `${prefix}-record`,
    identify: {
      protocolVersion: `/${prefix}/1.0.0`,
      agentVersion: version => `${prefix}/${version}`
    }
  }
}
