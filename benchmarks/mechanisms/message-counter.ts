/** Counts messages sent on libp2p's streams, by protocol: metrics that measure nothing else. */
import type { Metrics, PeerId, Stream } from '@libp2p/interface'

export class MessageCounter {
  /** By protocol, by node. */
  readonly #sent = new Map<string, Map<string, number>>()

  /** For libp2p's `metrics` option; any number of nodes may share it. */
  readonly metrics = ({ peerId }: { peerId: PeerId }): Metrics => {
    const nothing: unknown = new Proxy(() => nothing, { get: (_, key) => key === 'then' ? undefined : nothing })
    const own: Partial<Metrics> = {
      trackMultiaddrConnection: () => {},
      trackProtocolStream: stream => this.#track(peerId.toString(), stream),
      traceFunction: <F>(_: string, fn: F): F => fn
    }
    return new Proxy(own, { get: (target, key) => Reflect.get(target, key) ?? nothing }) as Metrics
  }

  /** Of one node, or of all. */
  total (peer?: PeerId): number {
    return this.#byProtocol(peer).reduce((sum, [, count]) => sum + count, 0)
  }

  /** Those that were sent most come first. */
  describe (peer?: PeerId): string {
    return this.#byProtocol(peer).sort(([, a], [, b]) => b - a).map(([protocol, count]) => `${protocol} ${count}`).join(', ')
  }

  clear (): void {
    this.#sent.clear()
  }

  #byProtocol (peer?: PeerId): Array<[string, number]> {
    return [...this.#sent].map(([protocol, byPeer]) => {
      const count = peer == null ? [...byPeer.values()].reduce((a, b) => a + b, 0) : byPeer.get(peer.toString()) ?? 0
      return [protocol, count]
    })
  }

  #track (peer: string, stream: Stream): void {
    const send = stream.send.bind(stream)
    stream.send = data => {
      const counts = this.#sent.get(stream.protocol) ?? new Map<string, number>()
      this.#sent.set(stream.protocol, counts.set(peer, (counts.get(peer) ?? 0) + 1))
      return send(data)
    }
  }
}
