import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { settledOrAborted, untilAborted } from '../src/waiting.ts'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length
const forever = new Promise<never>(() => {})

async function collect<T> (source: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = []
  for await (const item of source) seen.push(item)
  return seen
}

describe('untilAborted', () => {
  it('passes a source on to its end and lets go of the signal', async () => {
    const { signal } = new AbortController()
    async function * source (): AsyncGenerator<number> {
      yield 1
      yield 2
    }
    expect(await collect(untilAborted(source(), signal))).toEqual([1, 2])
    expect(listeners(signal)).toBe(0)
  })

  it('ends when the signal fires, though the source hangs, and hands over what it left', async () => {
    const controller = new AbortController()
    const onLeft = vi.fn<(left: Promise<unknown>) => void>()
    async function * source (): AsyncGenerator<number> {
      yield 1
      await forever
    }
    const seen = collect(untilAborted(source(), controller.signal, onLeft))
    await new Promise(setImmediate)
    controller.abort()
    expect(await seen).toEqual([1])
    expect(onLeft).toHaveBeenCalledOnce()
    expect(listeners(controller.signal)).toBe(0)
  })

  it('does not ask the source when the signal has fired before', async () => {
    const next = vi.fn<() => Promise<IteratorResult<number>>>()
    expect(await collect(untilAborted({ [Symbol.asyncIterator]: () => ({ next }) }, AbortSignal.abort()))).toEqual([])
    expect(next).not.toHaveBeenCalled()
  })

  it('returns the source when the reader breaks off', async () => {
    const { signal } = new AbortController()
    const returned = vi.fn()
    async function * source (): AsyncGenerator<number> {
      try {
        yield 1
        yield 2
      } finally {
        returned()
      }
    }
    for await (const item of untilAborted(source(), signal)) {
      expect(item).toBe(1)
      break
    }
    expect(returned).toHaveBeenCalledOnce()
    expect(listeners(signal)).toBe(0)
  })

  it('passes a failure of the source on, but none after the signal', async () => {
    const controller = new AbortController()
    const steps = [Promise.reject(new Error('early')), forever]
    const failing = { [Symbol.asyncIterator]: () => ({ next: async () => steps.shift() ?? forever }) }
    await expect(collect(untilAborted<number>(failing, controller.signal))).rejects.toThrow('early')

    let fail = (_error: Error): void => {}
    const late = { [Symbol.asyncIterator]: () => ({ next: async () => new Promise<never>((_resolve, reject) => { fail = reject }) }) }
    const seen = collect(untilAborted<number>(late, controller.signal))
    await new Promise(setImmediate)
    controller.abort()
    fail(new Error('late'))
    expect(await seen).toEqual([])
  })
})

describe('settledOrAborted', () => {
  it.each([
    ['fulfils', async () => Promise.resolve(1)],
    ['rejects', async () => Promise.reject(new Error('no'))]
  ])('resolves when the work %s, and lets go of the signal', async (_how, work) => {
    const { signal } = new AbortController()
    await settledOrAborted(work(), signal)
    expect(listeners(signal)).toBe(0)
  })

  it('resolves when the signal fires, before or during', async () => {
    await settledOrAborted(forever, AbortSignal.abort())
    const controller = new AbortController()
    const waiting = settledOrAborted(forever, controller.signal)
    controller.abort()
    await waiting
    expect(listeners(controller.signal)).toBe(0)
  })
})
