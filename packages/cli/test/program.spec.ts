import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { run } from './command.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

describe('peerweave', () => {
  it('prints its version', async () => {
    expect((await run('--version').finished).stdout.trim()).toBe(version)
  })

  it('every command has --help with examples', async () => {
    expect((await run('--help').finished).stdout).toContain('demo')
    const { stdout, code } = await run('demo', '--help').finished
    expect(code).toBe(0)
    for (const word of ['--nodes', '--for', '--seed', '--json', 'Examples:', 'loopback']) expect(stdout).toContain(word)
  })

  it.each([
    [['demo', '--nodes', '0'], /--nodes.*whole number from 1 to 50/],
    [['demo', '--for', 'ever'], /--for.*whole number/],
    [['demo', '--node', '3'], /unknown option '--node'[\s\S]*--nodes/],
    [['dmo'], /unknown command 'dmo'[\s\S]*demo/]
  ])('%j is refused by name, with what to do', async (args, message) => {
    const { code, stderr, stdout } = await run(...args).finished
    expect(code).toBe(1)
    expect(stderr).toMatch(message)
    expect(stdout).toBe('')
  })
})
