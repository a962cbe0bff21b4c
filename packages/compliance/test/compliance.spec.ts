import { defineMechanism } from '@peerweave/interface'
import { describe, it } from 'vitest'
import { mechanismCompliance, noticeBoardSetup, reference } from '../src/index.ts'
import { referenceSpec } from '../src/reference.ts'

mechanismCompliance({ describe, it }, noticeBoardSetup('reference', reference))

// Holds something in the middle of a round: it must be given back also when the reader never comes back.
mechanismCompliance({ describe, it }, noticeBoardSetup('reference whose rounds listen', options => context => {
  const spec = referenceSpec(options)
  const { events } = context.ports.host
  return defineMechanism(context, {
    ...spec,
    async * round (round) {
      const onConnect = (): void => {}
      events.addEventListener('connect', onConnect)
      try {
        yield * spec.round(round)
      } finally {
        events.removeEventListener('connect', onConnect)
      }
    }
  })
}))
