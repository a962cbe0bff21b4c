import { limits } from '@peerweave/interface'
import { createLibp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { metricsOf, multiMetrics, type MultiMetrics } from '../src/metrics.ts'
import type { Metrics } from '@libp2p/interface'
import type { RefusalReason } from '../src/pipeline.ts'

/** Keeps what was registered and told: name → label → number. */
class FakeMetrics {
  readonly values = new Map<string, Map<string, number>>()
  readonly observed = new Map<string, Map<string, number[]>>()
  readonly options = new Map<string, object>()
  readonly calculated = new Map<string, () => unknown>()

  as (): Metrics {
    return this as unknown as Metrics
  }

  registerCounterGroup (name: string, options: { calculate?: () => unknown } = {}): object | undefined {
    const values = this.#register(name, options)
    if (options.calculate != null) {
      this.calculated.set(name, options.calculate)
      return undefined
    }
    return {
      increment: (labels: Record<string, number | true>) => {
        for (const [label, by] of Object.entries(labels)) values.set(label, (values.get(label) ?? 0) + (by === true ? 1 : by))
      }
    }
  }

  registerMetric (name: string, options: object = {}): object {
    const values = this.#register(name, options)
    return { update: (value: number) => values.set('', value) }
  }

  registerHistogramGroup (name: string, options: object = {}): object {
    this.#register(name, options)
    const observed = new Map<string, number[]>()
    this.observed.set(name, observed)
    return {
      observe: (labels: Record<string, number>) => {
        for (const [label, value] of Object.entries(labels)) {
          const values = observed.get(label) ?? []
          values.push(value)
          observed.set(label, values)
        }
      }
    }
  }

  get (name: string): Record<string, number> {
    return Object.fromEntries(this.values.get(name) ?? [])
  }

  #register (name: string, options: object): Map<string, number> {
    if (this.values.has(name)) throw new Error(`${name} is registered already`)
    this.options.set(name, options)
    const values = new Map<string, number>()
    this.values.set(name, values)
    return values
  }
}

function everything (metrics: MultiMetrics, path: string): void {
  metrics.sighting(path)
  metrics.fresh(path)
  metrics.refused(path, 'malformed')
  metrics.round(path, 0.5, 'failure')
  metrics.view({ peers: 1, connected: 1, suspected: 1 })
}

describe('multiMetrics', () => {
  it('counts per mechanism what it is told', () => {
    const fake = new FakeMetrics()
    const metrics = multiMetrics(fake.as(), { prefix: 'peerweave_multi' })
    metrics.sighting('mdns')
    metrics.sighting('mdns')
    metrics.sighting('inner/dns')
    metrics.fresh('mdns')
    metrics.refused('dns', 'bad-ttl')
    metrics.refused('dns', 'address-scope')
    metrics.refused('mdns', 'bad-ttl')
    metrics.round('dns', 0.25, 'success')
    metrics.round('dns', 10, 'failure')
    metrics.round('dns', 3, 'aborted')
    metrics.view({ peers: 100, connected: 50 })
    metrics.view({ peers: 99, suspected: 2 })
    expect(fake.get('peerweave_multi_sightings_total')).toEqual({ mdns: 2, 'inner/dns': 1 })
    expect(fake.get('peerweave_multi_new_peers_total')).toEqual({ mdns: 1 })
    expect(fake.get('peerweave_multi_refused_bad_ttl_total')).toEqual({ dns: 1, mdns: 1 })
    expect(fake.get('peerweave_multi_refused_address_scope_total')).toEqual({ dns: 1 })
    expect(fake.get('peerweave_multi_rounds_total')).toEqual({ dns: 3 })
    expect(fake.get('peerweave_multi_round_failures_total')).toEqual({ dns: 1 })
    expect([...fake.observed.get('peerweave_multi_round_duration_seconds') ?? []]).toEqual([['dns', [0.25, 10]]])
    expect(['peers', 'connected_peers', 'suspected_peers'].map(rest => fake.get(`peerweave_multi_${rest}`)[''])).toEqual([99, 50, 2])
  })

  it('has names with a unit and a help text, that Prometheus takes, whatever the prefix', () => {
    const fake = new FakeMetrics()
    everything(multiMetrics(fake.as(), { prefix: 'my-node: 1', statuses: () => [] }), 'mdns')
    expect(fake.options.size).toBe(11)
    for (const [name, options] of fake.options) {
      expect(name).toMatch(/^my_node__1_\w*(_total|_seconds|peers)$/)
      expect(options).toMatchObject({ help: expect.any(String) })
    }
    expect(fake.options.get('my_node__1_round_duration_seconds')).toMatchObject({ label: 'mechanism', buckets: expect.arrayContaining([0.005, 10]) })
  })

  it('200,000 hostile labels leave no more than its bound', () => {
    const fake = new FakeMetrics()
    const metrics = multiMetrics(fake.as())
    everything(metrics, 'mdns')
    for (let i = 0; i < 200_000; i++) {
      const path = [`evil${i}`, `a b${i}`, `\u001b[2J${i}`, `${'x'.repeat(65)}${i}`, `a/${'b/'.repeat(9)}${i}`, '', '__proto__', `mdns\n${i}`][i % 8] as string
      metrics.sighting(path)
      metrics.refused(path, `reason${i}` as RefusalReason)
      metrics.round(path, i, 'failure')
    }
    for (const path of [undefined, null, 7, {}, Symbol('s')]) everything(metrics, path as string)
    expect(fake.values.size).toBe(10)
    for (const values of [...fake.values.values(), ...fake.observed.values()]) {
      expect(values.size).toBeLessThanOrEqual(limits.metricPaths + 1)
      for (const label of values.keys()) expect(label).toMatch(/^[\w./-]*$/)
    }
    // Whoever was there before keeps its own.
    everything(metrics, 'mdns')
    expect(fake.get('peerweave_sightings_total')['mdns']).toBe(2)
    expect(fake.get('peerweave_refused_other_total')['other']).toBeGreaterThan(0)
    expect(({} as Record<string, unknown>)['mechanism']).toBeUndefined()
  })

  it('a time that is none is not observed', () => {
    const fake = new FakeMetrics()
    const metrics = multiMetrics(fake.as())
    for (const seconds of [NaN, -1, Infinity]) metrics.round('mdns', seconds, 'success')
    expect(fake.get('peerweave_rounds_total')).toEqual({ mdns: 3 })
    expect([...fake.observed.get('peerweave_round_duration_seconds') ?? []]).toEqual([])
  })

  it('shows bytes and messages of the mechanisms that tell them, when it is asked', () => {
    const fake = new FakeMetrics()
    let bytes = 10
    const liar = { get bytes (): number { throw new Error('no') }, messages: 'many' }
    const many = Array.from({ length: 200 }, (_, i): [string, object] => [`m${i}`, { messages: 1 }])
    multiMetrics(fake.as(), { statuses: () => [['dht', { bytes, messages: 3 }], ['mdns', {}], ['liar', liar], ['odd', { bytes: -1, messages: NaN }], ...many] })
    expect(fake.calculated.get('peerweave_cost_bytes_total')?.()).toEqual({ dht: 10 })
    bytes = 20
    expect(fake.calculated.get('peerweave_cost_bytes_total')?.()).toEqual({ dht: 20 })
    const messages = fake.calculated.get('peerweave_cost_messages_total')?.() as Record<string, number>
    expect(Object.keys(messages)).toHaveLength(limits.metricPaths + 1)
    expect(messages['other']).toBe(200 - (limits.metricPaths - 1))
  })

  it('statuses that cannot be had are no figures', () => {
    const fake = new FakeMetrics()
    multiMetrics(fake.as(), { statuses: () => { throw new Error('not now') } })
    expect(fake.calculated.get('peerweave_cost_bytes_total')?.()).toEqual({})
  })

  it('does nothing without metrics, and harms nobody with metrics that fail', () => {
    everything(multiMetrics(undefined), 'mdns')
    everything(multiMetrics({} as Metrics), 'mdns')
    const failing = new Proxy({}, { get: () => () => { throw new Error('full') } })
    everything(multiMetrics(failing as Metrics, { statuses: () => [] }), 'mdns')
    const later = new Proxy({}, { get: () => () => failing })
    everything(multiMetrics(later as Metrics, { statuses: () => [] }), 'mdns')
  })
})

describe('metricsOf', () => {
  it('finds them in a real node’s components, and none where the node has none', async () => {
    const fake = new FakeMetrics()
    const traced = Object.assign(fake, { traceFunction: (_: string, fn: unknown) => fn, trackMultiaddrConnection () {}, trackProtocolStream () {}, createTrace () {} })
    for (const register of ['registerMetricGroup', 'registerCounter', 'registerHistogram', 'registerSummary', 'registerSummaryGroup']) {
      Object.assign(traced, { [register]: () => ({}) })
    }
    const found: Array<Metrics | undefined> = []
    const probe = (components: object): object => {
      found.push(metricsOf({ libp2p: components }))
      return {}
    }
    await createLibp2p({ start: false, services: { probe } })
    await createLibp2p({ start: false, metrics: () => traced.as(), services: { probe } })
    expect(found[0]).toBeUndefined()
    const [, metrics] = found
    everything(multiMetrics(metrics, { prefix: 'real' }), 'mdns')
    expect(fake.get('real_sightings_total')).toEqual({ mdns: 1 })
  })

  it('finds none in the simulator, and none in components that throw', () => {
    expect(metricsOf({})).toBeUndefined()
    expect(metricsOf({ libp2p: new Proxy({}, { get () { throw new Error('metrics not set') } }) })).toBeUndefined()
    expect(metricsOf({ libp2p: { metrics: null } })).toBeUndefined()
  })
})
