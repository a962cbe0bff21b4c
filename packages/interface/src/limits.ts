/**
 * Every bound on what a stranger can make us hold or do, in one place. Each line says what happens at the bound.
 * Sizes are bytes, times milliseconds. Start values: the limits table of the security research; a value that was
 * chosen otherwise says so.
 */
export const limits = {
  // — one sighting —
  /** Addresses kept of one claim; further ones are dropped and counted `too-many-addresses`. */
  addressesPerClaim: 16,
  /** A longer multiaddr is dropped and counted `address-too-long`. */
  multiaddrBytes: 256,
  /** A multiaddr with more components is dropped and counted `address-too-long`. */
  multiaddrComponents: 10,
  /** Protocols kept of one claim or of identify; further ones are dropped. */
  protocolsPerPeer: 128,
  /** A longer protocol name is dropped. */
  protocolBytes: 140,
  /** Metadata keys kept of one claim; further ones are dropped. */
  metadataKeys: 32,
  /** A longer key drops its entry. */
  metadataKeyBytes: 64,
  /** A longer value drops its entry. */
  metadataValueBytes: 256,
  /** A longer agent or protocol version is cut. */
  agentBytes: 128,
  /** A larger signed peer record is refused. */
  peerRecordBytes: 2_048,

  // — signed records —
  /** Signatures verified a second, in all; further records are refused `rate-limited`. */
  verificationsPerSecond: 1_000,
  /** As above, of one reporter. */
  verificationsPerReporter: 50,
  /** Reporters whose rate is tracked; the one unheard for longest goes first. */
  verifyReporters: 1_024,
  /** Verified records remembered; the one unused for longest is verified again. Chosen: one for each peer that the store holds. */
  cachedRecords: 10_240,
  /** Refused records remembered, apart from the others. Chosen: what one reporter can have verified in 20 s. */
  cachedRefusals: 1_024,

  // — one peer in the store —
  /** Addresses shown of a peer; the best by confidence are. */
  addressesPerPeer: 16,
  /**
   * Addresses kept per peer and source; the latest observed stay. Chosen: a dual-stack host with TCP, QUIC and
   * WebSocket has six, and one dial takes eight.
   */
  addressesPerSource: 8,
  /** Partial goodbyes remembered per peer and source; at the bound the oldest ones count for every address. */
  withdrawalsPerSource: 16,
  /** Reporters kept per peer, path and quota group; a keyed hash picks which. */
  reportersPerGroup: 4,
  /** Sources (path, group, reporter) kept per peer; chosen ones first, then a keyed hash picks which. Chosen: five mechanisms, six reporters each. */
  sourcesPerPeer: 32,

  // — the store —
  /** Vouchers of peers that we know by hearsay: one for each party that claims a peer. At the bound newcomers compete by group. */
  newPeers: 8_192,
  /** Peers that a dial of ours authenticated. */
  triedPeers: 2_048,
  /** A quota group holds at most one in so many places of `newPeers`; beyond it its own victim goes (ledger research §B). */
  newPerGroupDivisor: 16,
  /** As above, for a group of reporters that we chose. */
  newPerChosenGroupDivisor: 8,
  /** As above in places, for a group behind a local interface, whatever the table's size. */
  newPerPrivateGroup: 256,
  /** What the divisors leave a group at least. Chosen: a small store would else hold one or two peers of a source. */
  newPerGroupMin: 16,
  /** A group (an IPv4 /16, an IPv6 /32) holds at most one in so many places of `triedPeers`; beyond it its newcomers compete within it. */
  triedPerGroupDivisor: 32,
  /** Tried peers per subgroup (/24, /48); beyond it its newcomers compete within it. */
  triedPerSubgroup: 2,
  /** A group with fewer tried peers displaces one of a group that has more than its share and more than this. */
  triedGroupFloor: 2,
  /** Tests that a tried peer must fail before a newcomer takes its place; further failures change nothing. */
  triedTests: 4,
  /** A test sooner after the last counted one does not count. */
  triedTestGap: 3_600_000,
  /** Newcomers that wait for a tried peer to fail, one a group; at the bound, and within a group, a newcomer is not taken. Chosen. */
  triedCandidates: 32,
  /** The longest-proven tried peers, one a group, that are dialled first after a start; the others take their turn by group. */
  elders: 32,
  /** Peers kept for the next start as those to dial first; the longest connected are. Ledger research §B: two. */
  anchors: 2,
  /** How long a peer that was never reached is remembered after its last claim ran out (7 days). */
  dormantTime: 604_800_000,
  /** Peers of whom nothing counts any more, remembered for goodbyes, late claims, what they signed, or a later start; the oldest goes. Chosen. */
  ghosts: 4_096,
  /** Peers of whom nothing but goodbyes was heard; the oldest goes. Chosen. */
  strangers: 1_024,
  /** Changes that wait for one slow reader; older ones become one `missed` change. */
  changeFeed: 4_096,
  /** Damaged logs kept beside the repaired one, for whoever wants to look; the oldest is deleted. Chosen. */
  damagedLogs: 3,

  // — time —
  /** A shorter TTL is raised to this. */
  ttlMin: 1_000,
  /** A longer TTL is cut to this (48 h, the DHT's record lifetime). */
  ttlMax: 172_800_000,
  /** Evidence that reaches the store later than this after it was observed is refused (ledger research, W8). */
  evidenceLag: 60_000,
  /** How long past its expiry the highest signed sequence number of a peer is remembered, against replay (49 h). */
  seqFloor: 176_400_000,
  /** Wall minus monotonic time moving by more than this means sleep or a clock jump. */
  clockJump: 30_000,

  // — mechanisms —
  /** Sightings one round may yield; the rest is left for the next. */
  sightingsPerRound: 50,
  /** Signed sightings of one round that are checked at once, on other threads. Chosen: as many as Node has threads for that, twice. */
  sightingsAtOnce: 8,
  /** A round that takes longer is ended with what it has. */
  roundDeadline: 10_000,
  /** Sightings waiting per mechanism; at the bound the oldest is dropped and counted `queue-full`. */
  sightingQueue: 1_024,
  /** Sightings that nobody asked for, taken from one mechanism a second, after a burst of a full queue; more wait in it. Chosen: 2 % of a core. */
  sightingsPerSecond: 256,
  /** Sightings taken from one mechanism in one turn of the event loop. Chosen: keeps a turn under about 5 ms. */
  sightingsPerTurn: 64,
  /** Failures in a row that open a mechanism's breaker. */
  breakerFailures: 5,
  /** How long an open breaker keeps a mechanism from being asked. */
  breakerPause: 30_000,
  /** How long one mechanism may take to start or stop before the others go on without it. */
  lifecycleDeadline: 10_000,
  /** Configured bootstrap nodes; more are a wrong argument. */
  bootstrapNodes: 256,
  /** Refusals remembered per peer for `explain`; older ones are dropped. */
  refusalsPerPeer: 8,
  /** Peers whose refusals are remembered; the oldest goes first. */
  refusedPeers: 1_024,
  /** Dead peers that hearsay cannot bring back; the one that died first goes first. Chosen: five times all connections. */
  quarantinedPeers: 1_024,
  /** Peers that libp2p's router asks the mechanisms for a second … A stranger can make kad-dht look up any number. Chosen. */
  routedPerSecond: 1,
  /** … after a burst of this; beyond it only the view answers. */
  routedBurst: 16,
  /** Peers that nobody knew, remembered so that they are not asked for again at once; the oldest is forgotten. */
  routedMisses: 1_024,
  /** Peers that left the view, remembered for `explain`; the one that left longest ago goes. */
  departedPeers: 1_024,

  // — wrappers, metrics and configuration of multi —
  /** Sightings that a wrapper looks at in one round; then the round ends. Chosen: as many as a queue holds. */
  wrappedPerRound: 1_024,
  /** Namespaces of which a wrapper remembers answers or failures; the one asked longest ago goes. Chosen. */
  wrappedNamespaces: 16,
  /** Sightings that `withCache` keeps of one namespace; what was said longest ago goes. Chosen: as many as one round brings. */
  cachedSightings: 1_024,
  /** Peers of whom `withFilter` remembers that it let a claim through; of one that it forgot no goodbye goes through. Chosen: as many as a store holds. */
  filteredPeers: 8_192,
  /** Reasons that a wrapper takes over from what is inside; further ones are left out. Chosen: ours have a dozen. */
  dropReasons: 64,
  /** Mechanism paths with metrics of their own; further ones count as `other`. Chosen: five mechanisms, each in a dozen of nested multis. */
  metricPaths: 64,
  /** Mechanisms in one configuration; more are a problem of it. Chosen: as many as have metrics of their own. */
  configMechanisms: 64,
  /** Values in one configuration, however deep; with more it is not read. Chosen: 64 mechanisms with 256 addresses each. */
  configValues: 32_768,
  /** Depth of a configuration; what is deeper is a problem of it. Chosen: the deepest option of a mechanism of ours is at six. */
  configDepth: 16,
  /** Problems told of one configuration; of further ones only that there are some. Chosen: two screens. */
  configProblems: 64,

  // — mDNS —
  /** Interfaces in use at once, once for each IP family; further ones are left out and counted `too-many-interfaces`. Chosen. */
  mdnsInterfaces: 32,
  /** RFC 6762 §17: a larger message is dropped before decoding. */
  mdnsPacketBytes: 9_000,
  /** A message that claims more records than this in all is dropped before decoding. */
  mdnsRecords: 64,
  /** Packets handled per second and source address, with a burst of twice that; the rest is dropped. */
  mdnsPacketsPerSecond: 50,
  /**
   * As above, of all sources together: they cost no more than this when they are forged. Half is for sources that we
   * hold peers of, half for others. Chosen: two of each at their full rate.
   */
  mdnsPacketsPerSecondTotal: 200,
  /** Addresses read per second and link that their source had not said before, with a burst of four times that; the rest is dropped. Chosen: 3 % of a core. */
  mdnsAddressesPerSecond: 500,
  /** Goodbyes heard of one packet; further ones are dropped and counted `too-many-goodbyes`. Chosen: an honest packet has one. */
  mdnsGoodbyes: 8,
  /** Source addresses whose rate is tracked; the one unheard for longest goes first. */
  mdnsSources: 1_024,
  /** Peers remembered per interface; at the bound the source that holds most of them makes room, the newcomer's included. */
  mdnsPeers: 256,
  /** A larger answer of ours is split. RFC 6762 §17 and the common Ethernet MTU. */
  mdnsAnswerBytes: 1_232,

  // — DNS —
  /** Domains that one mechanism looks in; more are a wrong argument. */
  dnsDomains: 16,
  /** Look-ups at once; more wait. Chosen: a burst of 256 overflows a socket of Linux with the default receive buffer. */
  dnsQueries: 128,
  /** Look-ups that wait; at the bound one fails with `LimitExceededError`. Chosen. */
  dnsQueryQueue: 4_096,
  /** Name servers that are asked; further ones of the system's are left out, of the user's a wrong argument. Chosen. */
  dnsServers: 8,
  /**
   * Strings kept of the TXT records of one answer; a record beyond it is left out and counted `too-many-strings`.
   * Chosen: what a full message has of them when each has 63 bytes. It can hold 65,000 empty ones, of 200 bytes of heap.
   */
  dnsTextStrings: 1_024,
  /** Questions whose answers are remembered; the one unused for longest goes. */
  dnsCacheEntries: 4_096,
  /** As above, in bytes as we reckon them. Chosen: six of the largest answers there can be. */
  dnsCacheBytes: 4_194_304,
  /** CNAMEs followed from one name; with more it leads nowhere, counted `too-many-aliases`. */
  dnsAliases: 8,
  /** SRV records used of one name, the first in the order of RFC 2782; further ones are counted `too-many-srv`. */
  dnsSrv: 64,
  /** TXT records read of one name; further ones are counted `too-many-texts`. */
  dnsTexts: 64,
  /** Names in `addr=` values that are looked up for one peer; addresses with further ones are counted `too-many-names`. Chosen. */
  dnsNamesPerPeer: 4,
  /** Look-ups at once in one reading of a domain; more wait. */
  dnsLookupsAtOnce: 8,
  /** Look-ups in one reading of a domain; it ends with what it has, counted `too-many-lookups`. Chosen: 64 SRV take 194. */
  dnsLookups: 256,
  /** How deep `_dnsaddr` leads to another; what is deeper is counted `dnsaddr-too-deep`. */
  dnsaddrDepth: 4,
  /** Addresses taken of one `_dnsaddr` and all that it leads to; further ones are counted `too-many-addresses`. */
  dnsaddrResults: 100,

  // — exchange —
  /** Records in one answer; an asker uses no more of one, and a server sends no more. */
  exchangeAnswer: 32,
  /** A larger answer fails with `LimitExceededError`. 32 records of the largest size, and what is around them. */
  exchangeAnswerBytes: 69_632,
  /** A larger request is refused before it is read. Chosen: a digest of 2,048 peers is 2,560 bytes. */
  exchangeRequestBytes: 8_192,
  /** Peers in the digest of what an asker knows; of more, the ones that it heard of last. The others may be sent to it again. Chosen. */
  exchangeDigest: 2_048,
  /** Records kept for those who ask; at the bound the reporter that brought most makes room, by keyed hash, its newcomer included. Chosen. */
  exchangeRecords: 1_024,
  /** Records kept of one peer that brought them unasked; beyond it its own newcomers compete. Security research T6. */
  exchangeUnasked: 64,
  /** Records kept of one peer's answers; beyond it its own newcomers compete. Chosen: four peers fill the table. */
  exchangeAsked: 256,
  /** Records that a peer brings us unasked are looked at so many times a minute … */
  unsolicitedPerMinute: 12,
  /** … after a burst of this; further ones are dropped unread and counted `unsolicited`. Security research T6. */
  unsolicitedBurst: 64,
  /** Requests answered per peer and second, with {@link limits.exchangeAsksBurst} at once; further ones are told when to come again. Chosen. */
  exchangeAsksPerSecond: 1,
  exchangeAsksBurst: 16,
  /** As above, of all peers together, with a burst of twice that. Chosen: 5 % of a core. */
  exchangeAsksTotal: 100,
  /** Peers whose rates are tracked; the one unheard for longest goes first. */
  exchangePeers: 1_024,

  // — DHT —
  /** Provider records kept for others; beyond it the party that holds most loses its oldest. Chosen: 2 MB. */
  dhtProviders: 16_384,
  /** As above, of one peer; beyond it its own oldest goes. Chosen: 512 keys are more than a provider of services has. */
  dhtProvidersPerPeer: 512,
  /** As above, in bytes of keys and values, of all of them. Chosen: twice what full-size records take. */
  dhtProviderBytes: 4_194_304,
  /** A provider record with a longer key is refused: kad-dht takes multihashes of any length. Chosen: twice a usual key. */
  dhtProviderKeyBytes: 256,
  /** Values kept for others; beyond it the oldest goes. Chosen. */
  dhtValues: 4_096,
  /** As above, in bytes. Chosen. */
  dhtValuesBytes: 16_777_216,
  /** A larger value is refused (limits table of the security research). */
  dhtValueBytes: 8_192,
  /** Contacts of one IP group (an IPv4 /16, an IPv6 /32) per common prefix length with us; a further one is not taken (go-libp2p-kad-dht). */
  dhtGroupPerPrefix: 2,
  /** As above, in the whole routing table. */
  dhtGroupPerTable: 3,
  /** Providers in one answer of ours; of more a random choice, another one each time. Chosen: an asker uses k of them. */
  dhtProvidersPerAnswer: 100,
  /** Peers taken of one answer of a peer's; further ones are counted `too-many-peers`. Chosen: k closer ones and a full choice of providers. */
  dhtPeersPerAnswer: 128,
  /** Keys that we provide; one more is refused with `LimitExceededError`. Chosen: 4,096 in 12 h are one every 10 s. */
  dhtOwnKeys: 4_096,
  /** Addresses believed on a reporter's word, so that they may be dialled; the one unheard for longest goes. */
  dhtBelieved: 4_096,
  /** Providers whose connection is remembered as their reporter; the oldest goes. Chosen. */
  dhtReporters: 1_024,

  // — gossip —
  /** A larger announcement is rejected before it is read. */
  gossipMessageBytes: 4_096,
  /** An author who is known for this long announces himself on his own account; before, on that of the neighbour who hands him on. Chosen. */
  gossipAuthorAge: 60_000,
  /** Of what a neighbour may hand us unasked so much is left by those who only repeat themselves: for goodbyes and newcomers. Chosen. */
  gossipGoodbyes: 16,
  /** Announcements of such an author a minute … Chosen: five minutes lie between two refreshes. */
  gossipAuthorPerMinute: 1,
  /** … after a burst of this: addresses change several times when a network does. Chosen. */
  gossipAuthorBurst: 4,
  /** Peers that hand us announcements whose rates and claims are tracked; the one unheard for longest goes. Chosen: more than connections. */
  gossipSources: 256,

  // — dialling and connections —
  /** Addresses given to one dial. libp2p refuses a peer with more than 25 and sorts fakes first (F4). */
  addressesPerDial: 8,
  /** Dials of ours at once; more wait. */
  parallelDials: 8,
  /** Addresses that the connection gater lets through because a policy vetted them; the oldest is forgotten. */
  vettedAddresses: 4_096,
  /** Hearsay makes us dial one target (an address, if public; elsewhere with its port) once in this time, whoever is said to be there. Security research T7. */
  dialTargetPause: 60_000,
  /** Failures after which a public one … Security research T7. */
  dialTargetFailures: 3,
  /** … it is left alone for this long. */
  dialTargetQuarantine: 3_600_000,
  /** Targets remembered for that; the oldest is forgotten. */
  dialTargets: 4_096,
  /** Peers that the connection policy leaves alone for a while; of more the one met longest ago may be dialled again. Chosen: as above. */
  dialWaits: 4_096,
  /** Addresses without a peer that wait to be identified; at the bound the group with most of them waiting makes room, its newcomer's included. Chosen. */
  endpointQueue: 256,
  /** Of these dialled at once. Chosen: half of the dials that hearsay may have. */
  endpointDials: 2,
  /** Addresses of whom it is remembered who is there, or that nobody is; the one dialled longest ago is forgotten. Chosen: as dial targets. */
  endpoints: 4_096,
  /** One dial of one peer, unless its caller says otherwise … */
  dialTimeout: 10_000,
  /** … and that is at most this; a longer one is a wrong argument. Chosen: TCP itself gives up after about as long. */
  dialTimeoutMax: 120_000,
  /** Connections in all. */
  connections: 200,
  /** Connections per peer. */
  connectionsPerPeer: 3,
  /** Inbound connections not yet upgraded (libp2p's default of 10 starves under 4 silent connects a second, F2). */
  pendingConnections: 512,
  /** An inbound connection must be upgraded within this. */
  upgradeTimeout: 3_000,

  // — request and response —
  /** Requests in flight per peer and protocol at the asking side; more wait. libp2p's handler default is 32 inbound. */
  requestsPerPeer: 24,
  /** Waiting requests per peer and protocol; at the bound a request fails with `LimitExceededError`. */
  requestQueue: 256,
  /** Inbound streams per protocol and peer. */
  inboundStreams: 32,
  /** A larger request or answer is refused, unless the caller sets another bound. */
  messageBytes: 65_536,

  // — display —
  /** Remote text shown to a person is cut after this many graphemes … */
  safeTextGraphemes: 128,
  /** … or this many UTF-8 bytes, whichever comes first. */
  safeTextBytes: 512
} as const

/** A duration that came from outside, made harmless: `NaN` gives `min`, everything else is clamped. Whole ms. */
export function clampMs (ms: number, min: number, max: number): number {
  if (Number.isNaN(ms)) return min
  return Math.round(Math.min(max, Math.max(min, ms)))
}

/** A remote claim's TTL, clamped to `ttlMin … ttlMax`. */
export function clampTtl (ttl: number): number {
  return clampMs(ttl, limits.ttlMin, limits.ttlMax)
}
