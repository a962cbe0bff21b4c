/** How sightings are looked at. */
import type { Reporter, Sighting } from '@peerweave/interface'

/** A sighting as text: equal texts, equal facts. */
export function snapshot (sighting: Sighting): string {
  const { reporter } = sighting
  return JSON.stringify({ ...plain(sighting), reporter: reporter == null ? undefined : plainReporter(reporter) })
}

export function isTtl (value: unknown): boolean {
  return typeof value === 'number' && value > 0 && Number.isFinite(value)
}

function plain (sighting: Sighting): object {
  // Read with care: a lying mechanism's sighting may lack anything, and that is for another clause to say.
  switch (sighting.kind) {
    case 'claim': {
      const { kind, peerId, multiaddrs, ttl, protocols, signedPeerRecord, metadata } = sighting
      return {
        kind,
        peerId: String(peerId),
        multiaddrs: texts(multiaddrs),
        ttl: String(ttl),
        protocols,
        signedPeerRecord: signedPeerRecord?.toString(),
        metadata: metadata == null ? undefined : [...metadata]
      }
    }
    case 'withdraw': return { kind: sighting.kind, peerId: String(sighting.peerId), multiaddrs: texts(sighting.multiaddrs) }
    default: return { ...sighting, multiaddr: String(sighting.multiaddr), ttl: String(sighting.ttl) }
  }
}

function plainReporter ({ configured, peer, remoteAddr, interface: name, domain }: Reporter): object {
  return { configured, peer: peer?.toString(), remoteAddr: remoteAddr?.toString(), name, domain }
}

function texts (values: readonly unknown[] | undefined): string[] | undefined {
  return values?.map(String)
}
