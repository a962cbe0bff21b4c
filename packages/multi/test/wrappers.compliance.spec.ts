/** Every wrapper is a mechanism: over `memory`, over one that can fail and look up, and one in another. */
import { mechanismCompliance, noticeBoardSetup, reference, type ReferenceOptions } from '@peerweave/compliance'
import { describe, it } from 'vitest'
import { memory } from '../src/memory.ts'
import { withBackoff } from '../src/with-backoff.ts'
import { withCache } from '../src/with-cache.ts'
import { withFilter } from '../src/with-filter.ts'
import { onHub } from './hub-setup.ts'
import type { Clock, MechanismFactory, Rng } from '@peerweave/interface'

type Wrap = (factory: MechanismFactory, seams: { clock: Clock, rng: Rng }) => MechanismFactory

const accept = (): boolean => true
const WRAPPERS: Array<[string, Wrap]> = [
  ['withBackoff(…)', (factory, seams) => withBackoff(factory, seams)],
  ['withCache(…)', (factory, seams) => withCache(factory, { ...seams, ttl: 1_000 })],
  ['withFilter(…)', (factory, seams) => withFilter(factory, { ...seams, accept })],
  ['withCache(withBackoff(…))', (factory, seams) => withCache(withBackoff(factory, seams), seams)],
  ['withFilter(withBackoff(withCache(…)))', (factory, seams) => withFilter(withBackoff(withCache(factory, seams), seams), { ...seams, accept })]
]

for (const [name, wrap] of WRAPPERS) {
  mechanismCompliance({ describe, it }, onHub(name.replace('…', 'memory()'), { hostile: false, failure: false }, (hub, { clock, rng, context }) => {
    return wrap(memory({ hub, clock }), { clock, rng })(context)
  }))

  mechanismCompliance({ describe, it }, noticeBoardSetup(name.replace('…', 'reference()'), (options: ReferenceOptions) => context => {
    const { clock, rng } = options as Required<ReferenceOptions>
    return wrap(reference(options), { clock, rng })(context)
  }))
}
