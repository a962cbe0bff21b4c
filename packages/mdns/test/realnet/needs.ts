/** What the tests of the real network need of the machine. */
import { execFileSync } from 'node:child_process'
import { whyNoNamespaces } from '../../../../test/support/namespaces.ts'

/**
 * Why they cannot run here, which is also printed; `undefined` when they can.
 *
 * @param what - is tested
 * @param commands - beside `ip`, each of which must end with code 0
 * @throws Error in place of a reason where REQUIRE_REALNET=1
 */
export function whyNotHere (what: string, ...commands: Array<readonly [string, ...string[]]>): string | undefined {
  const reason = whyNoNamespaces() ?? commands.map(whyNot).find(reason => reason !== undefined)
  if (reason === undefined) return undefined
  if (process.env.REQUIRE_REALNET === '1') throw new Error(`REQUIRE_REALNET=1, but ${reason}`)
  console.warn(`skipped, ${what}: ${reason}`)
  return reason
}

function whyNot ([command, ...args]: readonly [string, ...string[]]): string | undefined {
  try {
    execFileSync(command, args, { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return String(error).trim().split('\n').slice(0, 2).join(' ')
  }
}
