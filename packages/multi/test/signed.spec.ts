/** Signed peer records through the pipeline. */
import { sealPeerRecord } from '@peerweave/records'
import { multiaddr } from '@multiformats/multiaddr'
import { complianceContext } from '@peerweave/compliance'
import { limits, type PeerInfo } from '@peerweave/interface'
import { expect, it } from 'vitest'
import { claim, handmade, started, world, type World } from './support.ts'

const { host } = (await complianceContext()).ports
const stranger = (await complianceContext()).ports.host

async function seal (seq: number, addresses: string[], signer = host.signer): Promise<Uint8Array> {
  return sealPeerRecord({ signer, multiaddrs: addresses.map(text => multiaddr(text)), seq: BigInt(seq) })
}

async function woven (said: Parameters<typeof claim>[1][], reporter = {}): Promise<{ w: World, info: PeerInfo | undefined }> {
  const one = handmade('one')
  const w = await world([one.factory], { interval: Infinity })
  await started(w)
  one.say(...said.map(init => claim(host.self, { addresses: [], reporter, ...init })))
  // Signatures are checked on another thread.
  for (let turn = 0; turn < 200 && w.multi.status().sightings + Object.keys(w.multi.refusals()).length === 0; turn++) await w.clock.settle()
  for (let turn = 0; turn < 20; turn++) await w.clock.settle()
  const info = w.multi.store.peek(host.self)
  await w.multi.stop()
  return { w, info }
}

function shown (info: PeerInfo | undefined): Array<[string, boolean]> {
  return (info?.addresses ?? []).map(({ multiaddr, certified }) => [multiaddr.toString(), certified])
}

it('what a peer signed is certified, and what is claimed beside it is not', async () => {
  const { info } = await woven([{ addresses: ['/ip4/1.2.3.5/tcp/1'], signedPeerRecord: await seal(1, ['/ip4/1.2.3.4/tcp/1']) }])
  expect(shown(info)).toEqual([['/ip4/1.2.3.4/tcp/1', true], ['/ip4/1.2.3.5/tcp/1', false]])
})

it('a signed private address is believed of the site only: a record travels anywhere', async () => {
  const signedPeerRecord = await seal(1, ['/ip4/1.2.3.4/tcp/1', '/ip4/10.0.0.7/tcp/1', '/ip4/127.0.0.1/tcp/1'])
  expect(shown((await woven([{ signedPeerRecord }])).info)).toEqual([['/ip4/1.2.3.4/tcp/1', true]])
  const { info } = await woven([{ signedPeerRecord }], { interface: 'eth0' })
  expect(shown(info)).toEqual([['/ip4/1.2.3.4/tcp/1', true], ['/ip4/10.0.0.7/tcp/1', true]])
})

it.each([
  ['of another peer', async () => seal(1, ['/ip4/1.2.3.9/tcp/1'], stranger.signer), 'of another peer'],
  ['with a broken signature', async () => (await seal(1, ['/ip4/1.2.3.9/tcp/1'])).map((byte, i, all) => i === all.length - 1 ? byte ^ 1 : byte), 'bad-signature'],
  ['of noise', async () => crypto.getRandomValues(new Uint8Array(200)), undefined],
  ['that is too large', async () => new Uint8Array(limits.peerRecordBytes + 1), 'too-large']
])('a record %s is refused with a reason, and the claim stands as an unsigned one', async (_, make, detail) => {
  const { w, info } = await woven([{ addresses: ['/ip4/1.2.3.4/tcp/1'], signedPeerRecord: new Uint8Array(await make()) }])
  expect(shown(info)).toEqual([['/ip4/1.2.3.4/tcp/1', false]])
  expect(w.multi.refusals()['one']).toEqual({ 'bad-record': 1 })
  expect(w.multi.explain(host.self).refusals[0]?.detail).toEqual(detail ?? expect.any(String))
})
