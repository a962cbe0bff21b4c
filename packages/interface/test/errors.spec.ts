import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as exported from '../src/errors.ts'
import {
  abortError, ConfigError, NoAnswersError, NotFoundError, PeerweaveError, throwIfAborted, TimeoutError, toError, type ErrorOptionsWithRetry
} from '../src/errors.ts'

type ErrorClass = new (message: string, options?: ErrorOptionsWithRetry) => PeerweaveError

const single = Object.entries(exported).filter((entry): entry is [string, ErrorClass] => {
  return entry[0].endsWith('Error') && /^[A-Z]/.test(entry[0]) && !['PeerweaveError', 'NoAnswersError', 'ConfigError'].includes(entry[0])
})
const codes: Array<[string, string]> = [
  ...single.map(([name, Class]): [string, string] => [name, new Class('').code]),
  ['NoAnswersError', new NoAnswersError('', new Map()).code],
  ['ConfigError', new ConfigError([{ path: '', message: '' }]).code]
]

describe('every error class', () => {
  it.each(single)('%s has its own name and code, and keeps message, cause and retryAfter', (name, Class) => {
    const cause = new Error('why')
    const error = new Class('what', { cause, retryAfter: 250 })
    expect(error).toBeInstanceOf(PeerweaveError)
    expect(error).toBeInstanceOf(Class)
    expect(error).toMatchObject({ name, message: 'what', cause, retryAfter: 250 })
    // The code is the name in capitals, so that either can be guessed from the other.
    expect(error.code).toBe(`ERR_${name.replace(/Error$/, '').replace(/\B[A-Z]/g, '_$&').toUpperCase()}`)
    expect(Class.name).toBe(name)
    expect(error.stack).toContain('what')
  })

  it.each(single)('%s has neither cause nor retryAfter unless they are given', (_name, Class) => {
    const error = new Class('what')
    expect('cause' in error).toBe(false)
    expect(error.retryAfter).toBeUndefined()
  })

  it('has a code of its own', () => {
    expect(new Set(codes.map(([, code]) => code)).size).toBe(codes.length)
  })

  it('is not another one', () => {
    expect(new TimeoutError('')).not.toBeInstanceOf(NotFoundError)
  })

  it('stands in docs/errors.md with its code, and nothing else does', () => {
    const docs = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
    const rows = [...docs.matchAll(/^\| `(\w+)` \| `(\w+)` \| (.+) \| (.+) \|$/gm)]
    expect(rows).toHaveLength(codes.length)
    expect(new Map(rows.map(([, name, code]) => [name, code]))).toEqual(new Map(codes))
  })
})

describe('NoAnswersError', () => {
  it('carries each cause under the name of its mechanism', () => {
    const errors = new Map([['mdns', new Error('no interface')], ['dht', new TimeoutError('nothing within 10 ms')]])
    const error = new NoAnswersError('2 of 2 mechanisms failed', errors)
    expect(error).toMatchObject({ name: 'NoAnswersError', code: 'ERR_NO_ANSWERS', message: '2 of 2 mechanisms failed', errors })
    expect(error.cause).toBeInstanceOf(AggregateError)
    expect((error.cause as AggregateError).errors).toEqual([...errors.values()])
  })
})

describe('ConfigError', () => {
  it('says where the one problem is, and has its cause', () => {
    const cause = new TypeError('ttl must be a number')
    const problems = [{ path: 'mechanisms[0].options.ttl', message: 'ttl must be a number', cause }]
    const error = new ConfigError(problems)
    expect(error).toMatchObject({ name: 'ConfigError', code: 'ERR_CONFIG', message: 'mechanisms[0].options.ttl: ttl must be a number', cause, problems })
  })

  it('has a line for each of several, and is not changed by who made them', () => {
    const problems = [{ path: '', message: 'no object' }, { path: 'limits.peers', message: 'too many' }]
    const error = new ConfigError(problems)
    problems.length = 0
    expect(error.message).toBe('2 problems:\n  no object\n  limits.peers: too many')
    expect(error.problems).toHaveLength(2)
    expect('cause' in error).toBe(false)
  })
})

describe('abortError', () => {
  it('is named as the platform names it and keeps the reason', () => {
    expect(abortError('enough')).toMatchObject({ name: 'AbortError', cause: 'enough' })
  })

  it('passes a TimeoutError on as it is: it says more', () => {
    const reason = new TimeoutError('nothing within 5 ms')
    expect(abortError(reason)).toBe(reason)
  })
})

describe('throwIfAborted', () => {
  it('throws only once the signal has fired', () => {
    const controller = new AbortController()
    throwIfAborted(undefined)
    throwIfAborted(controller.signal)
    controller.abort('enough')
    expect(() => throwIfAborted(controller.signal)).toThrow(expect.objectContaining({ name: 'AbortError', cause: 'enough' }))
  })
})

describe('toError', () => {
  it('gives an error as it is', () => {
    const error = new TypeError('wrong')
    expect(toError(error)).toBe(error)
  })

  it.each([
    ['text', 'text'],
    [42, '42'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), 'a object was thrown'],
    [{ toString () { throw new Error('no') } }, 'a object was thrown']
  ])('makes one of anything else that was thrown (%#)', (thrown, message) => {
    const error = toError(thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ message, cause: thrown })
  })
})
