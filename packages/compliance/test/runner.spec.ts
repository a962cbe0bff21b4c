import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { defineMechanism } from '@peerweave/interface'
import { clauses, collect, ComplianceError, mechanismCompliance, noticeBoardSetup, reference, type MechanismSetup } from '../src/index.ts'
import { referenceSpec } from '../src/reference.ts'

async function failures (setup: MechanismSetup): Promise<unknown[]> {
  const results = await collect(runner => { mechanismCompliance(runner, setup) })
  return results.flatMap(({ error }) => error ?? [])
}

describe('node:test', () => {
  it('runs the suite, shows what is skipped and what is broken', async () => {
    const fixture = fileURLToPath(new URL('node-test.fixture.ts', import.meta.url))
    // Without this the child believes that it is a part of another `node --test` and reports in binary.
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env
    const output = await new Promise<string>(resolve => {
      execFile(process.execPath, ['--test', '--test-reporter=tap', fixture], { env }, (_error, stdout) => resolve(stdout))
    })
    expect(output).toContain(`# pass ${2 * clauses.length - 2}`)
    expect(output).toContain('# fail 1')
    expect(output).toContain('# skipped 1')
    expect(output).toMatch(/ok \d+ - goodbye: .* \(reference does not support goodbye\) # SKIP/)
    expect(output).toContain('[limit] asked for 2 sightings, it gave 4')
  })
})

describe('supports', () => {
  it('skips exactly the clauses that need what is missing, and says so', () => {
    const skipped: string[] = []
    const count = { run: 0 }
    mechanismCompliance({
      describe: (_name, fn) => fn(),
      it: Object.assign(() => { count.run++ }, { skip: (name: string) => { skipped.push(name) } })
    }, noticeBoardSetup('reference', reference, { virtualClock: false, hostile: false, restart: false }))
    expect(count.run).toBe(clauses.length - skipped.length)
    expect(skipped).toEqual([
      'restart: After start, stop and start it finds peers again. (reference does not support restart)',
      'deadline: A round ends by its deadline. (reference does not support virtualClock)',
      'hostile-input: Hostile input is dropped and counted, never thrown, and finding goes on. (reference does not support hostile)',
      'clock-and-rng-only: Time and chance come only from Clock and Rng. (reference does not support virtualClock)'
    ])
  })

  it('does not let a setup leave out in silence what it could test', async () => {
    const setup = noticeBoardSetup('reference', reference)
    const [error, ...others] = await failures({
      ...setup,
      async create (world) {
        const { hostile: _hostile, ...subject } = await setup.create(world)
        return subject
      }
    })
    expect(others).toEqual([])
    expect(String(error)).toContain('the subject has no hostile(); give it one, or declare supports: { hostile: false }')
  })

  it('does not let a setup deny an ability that is there', async () => {
    const errors = await failures(noticeBoardSetup('reference', reference, { announce: false }))
    expect(errors.map(String)).toEqual(['ComplianceError: [capabilities-true] it says announce: true, its setup says false'])
  })
})

describe('what a mechanism does to the process', () => {
  const servers: Server[] = []
  afterEach(() => { for (const server of servers.splice(0)) server.close() })

  it('a socket that stays open after stop is seen', async () => {
    const errors = await failures(noticeBoardSetup('leaking a socket', options => context => {
      const spec = referenceSpec(options)
      return defineMechanism(context, {
        ...spec,
        async open (session) {
          const server = createServer()
          servers.push(server)
          await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
          await spec.open?.(session)
        }
      })
    }))
    expect(errors.map(error => error instanceof ComplianceError ? error.clause : error)).toEqual(['nothing-left-after-stop'])
    expect(String(errors[0])).toContain('TCPServerWrap of the platform')
  })

  it('an error that nobody catches is blamed on the clause it came up in, and kept from the runner', async () => {
    const before = process.listeners('uncaughtException')
    const errors = await failures(noticeBoardSetup('throwing after start', options => context => {
      const spec = referenceSpec(options)
      return defineMechanism(context, {
        ...spec,
        announceSelf: async () => {
          queueMicrotask(() => { throw new Error('nobody hears me') })
          return { ttl: 1 }
        },
        withdrawSelf: async () => {}
      })
    }))
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect(String(error)).toContain('nobody caught Error: nobody hears me')
    expect(process.listeners('uncaughtException')).toEqual(before)
  })

  it('the platform is as it was before', async () => {
    const before = [Date, Date.now, Math.random, Object.getOwnPropertyNames(performance)]
    await failures(noticeBoardSetup('reference', reference))
    expect([Date, Date.now, Math.random, Object.getOwnPropertyNames(performance)]).toEqual(before)
  })
})
