import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { endpointOf, portOf, targetPeer, withoutPeer } from '../src/index.ts'

const [RELAY, PEER] = [
  peerIdFromPrivateKey(await generateKeyPair('Ed25519')),
  peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
]
const AS_CID = PEER.toCID().toString()

describe('the peer that an address leads to', () => {
  it.each([
    ['none', '/ip4/192.0.2.1/tcp/4001', undefined],
    ['the last one', `/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`, PEER.toString()],
    ['the same one, spelled as a CID', `/ip4/192.0.2.1/tcp/4001/p2p/${AS_CID}`, PEER.toString()],
    ['the one behind the relay', `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`, PEER.toString()],
    ['not the relay', `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit`, undefined]
  ])('is %s', (_, text, peer) => {
    expect(targetPeer(multiaddr(text))).toBe(peer)
  })
})

describe('an address without its peer', () => {
  it.each([
    ['has none', '/ip4/192.0.2.1/tcp/4001', '/ip4/192.0.2.1/tcp/4001'],
    ['ends in one', `/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`, '/ip4/192.0.2.1/tcp/4001'],
    ['ends in one, spelled as a CID', `/ip4/192.0.2.1/tcp/4001/p2p/${AS_CID}`, '/ip4/192.0.2.1/tcp/4001'],
    ['is relayed', `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`, `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit`],
    ['is the relay\'s', `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit`, `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit`]
  ])('when it %s', (_, text, without) => {
    expect(withoutPeer(multiaddr(text)).equals(multiaddr(without))).toBe(true)
    expect(endpointOf(multiaddr(text))).toBe(without)
  })
})

describe('the port of addresses', () => {
  it.each<[string, 'tcp' | 'udp', string[], number | undefined]>([
    ['is that of the first over the transport', 'tcp', ['/ip4/192.0.2.1/udp/1/quic-v1', '/ip4/192.0.2.1/tcp/2', '/ip4/192.0.2.1/tcp/3'], 2],
    ['is none when nothing is over it', 'udp', ['/ip4/192.0.2.1/tcp/2'], undefined],
    ['is never 0', 'tcp', ['/ip4/192.0.2.1/tcp/0', '/ip4/192.0.2.1/tcp/3'], 3]
  ])('%s', (_, transport, texts, port) => {
    expect(portOf(transport, texts.map(text => multiaddr(text)))).toBe(port)
  })
})
