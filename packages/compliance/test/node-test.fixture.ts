// Run by `node --test` from runner.spec.ts: the suite on a runner that is not the one of this repository.
import { describe, it } from 'node:test'
import { badMechanisms, mechanismCompliance, noticeBoardSetup, reference } from '../src/index.ts'

mechanismCompliance({ describe, it }, noticeBoardSetup('reference', reference, { goodbye: false }))

const flooding = badMechanisms.find(({ name }) => name === 'flooding')
if (flooding != null) mechanismCompliance({ describe, it }, noticeBoardSetup('flooding', flooding.create))
