/**
 * A cast of bad mechanisms: the {@link reference} with one thing wrong each. The suite must reject each one for its own
 * reason, and whoever supervises mechanisms must live with all of them.
 */
import { defineMechanism, systemClock } from '@peerweave/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { parseNotice, type NoticeBoard } from './notice-board.ts'
import { reference, referenceSpec, type ReferenceOptions } from './reference.ts'
import type { Claim, Clock, DiscoveryMechanism, MechanismContext, MechanismSpec, Sighting } from '@peerweave/interface'
import type { PeerId } from '@libp2p/interface'

type Context = Pick<MechanismContext, 'ports'>

export interface BadMechanism {
  name: string
  /** What is wrong with it. */
  fault: string
  /** The clauses that must reject it, and no others. */
  breaks: readonly string[]
  create: (options: ReferenceOptions) => (context: Context) => DiscoveryMechanism
}

export const badMechanisms: readonly BadMechanism[] = [
  // — sources that fail —
  bad('empty', 'it never finds anybody', ['finds'], reading(board => ({ read: () => board.read().slice(0, 0), subscribe: deaf }))),
  bad('failing', 'every round throws', ['finds'], reading(() => ({
    read: () => { throw new Error('the board is gone') },
    subscribe: deaf
  }))),
  bad('slow', 'its rounds take longer than their deadline', ['deadline'], fromSpec((spec, { clock }) => ({
    roundDeadline: Infinity,
    async * round (round) {
      yield * spec.round(round)
      await clock.sleep(30_000, { signal: round.signal })
    }
  }))),
  bad('hanging', 'its rounds give what they have and never end', ['deadline'], fromSpec(spec => ({
    roundDeadline: Infinity,
    async * round (round) {
      yield * spec.round(round)
      await forever()
    }
  }))),
  bad('flooding', 'it ignores the limit', ['limit'], fromGood(good => ({
    discoverPeers: options => good.discoverPeers({ ...options, limit: undefined })
  }))),

  // — life cycle —
  bad('eager', 'its constructor starts a timer', ['no-work-in-constructor'], fromGood((_good, { clock }) => {
    clock.setTimeout(() => {}, 1_000)
    return {}
  })),
  bad('listening early', 'its constructor listens to the host', ['no-work-in-constructor'], fromGood((_good, { context }) => {
    context.ports.host.events.addEventListener('connect', () => {})
    return {}
  })),
  bad('talking early', 'it emits a status event before start', ['silent-before-start'], fromGood(good => {
    setImmediate(() => { if (good.status().state === 'stopped') good.safeDispatchEvent('status', { detail: good.status() }) })
    return {}
  })),
  bad('unready', 'a round before start ends empty instead of throwing', ['not-started'], fromGood(good => ({
    async * discoverPeers (options) {
      if (good.status().state !== 'stopped') yield * good.discoverPeers(options)
    }
  }))),
  bad('fragile', 'stop before start throws', ['stop-before-start'], fromGood(good => {
    let wasStarted = false
    return {
      start: async () => {
        wasStarted = true
        await good.start()
      },
      stop: async () => {
        if (!wasStarted) throw new Error('there is nothing to stop')
        await good.stop()
      }
    }
  })),
  bad('starting twice', 'a second start takes a second timer', ['start-idempotent'], fromGood((good, { clock }) => {
    const timers: Array<{ cancel: () => void }> = []
    return {
      start: async () => {
        timers.push(clock.setTimeout(() => {}, 3_600_000))
        await good.start()
      },
      stop: async () => {
        for (const timer of timers.splice(0)) timer.cancel()
        await good.stop()
      }
    }
  })),
  bad('stopping once', 'a second stop throws', ['stop-idempotent'], fromGood(good => {
    let wasStarted = false
    return {
      start: async () => {
        wasStarted = true
        await good.start()
      },
      stop: async () => {
        if (wasStarted && good.status().state === 'stopped') throw new Error('it is already stopped')
        await good.stop()
      }
    }
  })),
  bad('unstoppable', 'a start that is under way outlives a stop', ['stop-while-starting'], fromGood(good => {
    let isStarting = false
    return {
      start: async () => {
        isStarting = true
        await good.start()
        isStarting = false
      },
      stop: async () => { if (!isStarting) await good.stop() }
    }
  })),
  bad('once only', 'it does not start again', ['restart'], fromGood(good => {
    let starts = 0
    let wasStopped = false
    return {
      start: async () => {
        if (!wasStopped) await good.start()
        starts++
      },
      stop: async () => {
        wasStopped = starts > 0
        await good.stop()
      }
    }
  })),
  bad('talking late', 'it emits a status event after stop has resolved', ['silent-after-stop'], fromGood(good => ({
    stop: async () => {
      const wasRunning = good.status().state !== 'stopped'
      await good.stop()
      if (wasRunning) setImmediate(() => { good.safeDispatchEvent('status', { detail: good.status() }) })
    }
  }))),
  bad('leaking a timer', 'a timer is left after stop', ['nothing-left-after-stop'], fromSpec((spec, { clock }) => ({
    open: async session => {
      clock.setTimeout(() => {}, 3_600_000)
      await spec.open?.(session)
    }
  }))),
  bad('leaking a listener', 'a listener is left on the host after stop', ['nothing-left-after-stop'], fromSpec((spec, { context }) => ({
    open: async session => {
      context.ports.host.events.addEventListener('connect', () => {})
      await spec.open?.(session)
    }
  }))),
  bad('clinging', 'its rounds stay open when it stops', ['stop-ends-rounds'], fromGood(good => ({
    async * discoverPeers (options) {
      yield * good.discoverPeers(options)
      if (good.status().state !== 'running') await forever()
    }
  }))),

  // — questions —
  bad('forgetful', 'it knows only the peers that came while it ran', ['joining-order'], reading(board => {
    let recent: unknown[] = []
    return {
      read: () => {
        board.read()
        return recent
      },
      subscribe: onNotice => {
        recent = []
        return board.subscribe(notice => {
          recent.push(notice)
          onNotice(notice)
        })
      }
    }
  })),
  bad('deaf', 'it looks at a signal before a round, and never again', ['abort-anywhere'], fromGood(good => ({
    discoverPeers: options => good.discoverPeers({ ...options, signal: options?.signal?.aborted === true ? options.signal : undefined })
  }))),
  bad('hasty', 'it does not look at a signal before it works', ['aborted-before'], fromGood(good => ({
    discoverPeers: options => good.discoverPeers({ ...options, signal: options?.signal?.aborted === true ? undefined : options?.signal })
  }))),
  bad('without return', 'a reader that leaves a round early leaves its timer behind', ['early-exit'], fromGood((good, { clock }) => {
    const timers = new Set<{ cancel: () => void }>()
    const release = (): void => { for (const timer of timers) timer.cancel() }
    return {
      discoverPeers: options => ({
        [Symbol.asyncIterator]: () => {
          const iterator = good.discoverPeers(options)[Symbol.asyncIterator]()
          let timer: { cancel: () => void } | undefined
          return {
            async next () {
              if (timer == null && options?.signal?.aborted !== true && good.status().state === 'running') {
                timers.add(timer = clock.setTimeout(() => {}, 3_600_000))
              }
              const step = await iterator.next()
              if (step.done === true) timer?.cancel()
              return step
            },
            return: async () => await iterator.return?.() ?? { done: true, value: undefined }
          }
        }
      }),
      stop: async () => {
        release()
        await good.stop()
      }
    }
  })),
  bad('holding on', 'a round that came to its end leaves its listener on the signal', ['signals-released'], fromGood(good => ({
    async * discoverPeers (options) {
      const onAbort = (): void => {}
      let isAtEnd = false
      options?.signal?.addEventListener('abort', onAbort)
      try {
        yield * good.discoverPeers(options)
        isAtEnd = true
      } finally {
        if (!isAtEnd) options?.signal?.removeEventListener('abort', onAbort)
      }
    }
  }))),

  // — what it says —
  bad('vain', 'it reports our own id', ['self-never-reported'], options => ({ ports }) => {
    // It takes somebody else for itself, so that nothing filters us out.
    return reference(options)({ ports: { ...ports, host: { ...ports.host, self: STRANGER } } })
  }),
  bad('lying about time', 'its claims have ttl NaN', ['well-formed'], amending(claim => ({ ...claim, ttl: NaN }))),
  bad('slandering', 'it withdraws a peer that it never claimed', ['withdraws-own-claims'], fromSpec(spec => ({
    open: async session => {
      await spec.open?.(session)
      session.sight({ kind: 'withdraw', peerId: STRANGER })
    }
  }))),
  bad('saying twice', 'it emits what it yields', ['asked-or-news'], fromSpec(spec => {
    let sight = (_sighting: Sighting): void => {}
    return {
      open: async session => {
        sight = session.sight
        await spec.open?.(session)
      },
      async * round (round) {
        for await (const sighting of spec.round(round)) {
          sight(sighting)
          yield sighting
        }
      }
    }
  })),
  bad('mutating', 'it reuses the last claim\'s array for the next', ['sightings-immutable'], options => {
    const shared: Claim['multiaddrs'] = []
    let uses = 0
    return amending(claim => {
      shared.splice(0, shared.length, ...claim.multiaddrs.map(address => address.encapsulate(`/sni/${++uses}.example.org`)))
      return { ...claim, multiaddrs: shared }
    })(options)
  }),
  bad('sharing', 'it hands out its own cached objects', ['sightings-apart'], options => {
    const cache = new Map<string, Claim>()
    return amending(claim => {
      const id = claim.peerId.toString()
      const cached = cache.get(id) ?? { ...claim }
      cache.set(id, cached)
      return cached
    }, { eventsToo: false })(options)
  }),
  bad('trusting', 'hostile input is thrown across the event loop', ['hostile-input'],
    options => context => defineMechanism(context, referenceSpec(options, orThrow(parseNotice)))),
  bad('trusting politely', 'hostile input is dropped without being counted', ['hostile-input'], fromSpec(() => ({ dropped: {} }))),

  // — what it says of itself —
  bad('lying about state', 'its status is always running', ['status-true'], fromGood(good => ({
    status: () => ({ ...good.status(), state: 'running' })
  }))),
  bad('not counting', 'its status counts no sightings', ['status-true'], fromGood(good => ({
    status: () => ({ ...good.status(), sightings: 0 })
  }))),
  bad('cheerful', 'its status never shows a failure', ['failure-shows'], fromGood(good => ({
    status: () => ({ ...good.status(), failures: 0, lastError: undefined })
  }))),
  bad('boasting', 'it says that it routes content', ['capabilities-true'], fromGood(good => ({
    capabilities: { ...good.capabilities, contentRouting: true }
  }))),
  bad('granting nothing', 'its announcements have ttl 0', ['announce'], fromSpec(spec => ({
    announceSelf: async (record, options) => {
      await spec.announceSelf?.(record, options)
      return { ttl: 0 }
    }
  }))),
  bad('leaving silently', 'it says no goodbye', ['goodbye'], fromSpec(() => ({ withdrawSelf: async () => {} }))),

  // — surroundings —
  bad('contagious', 'stopping one instance stops all in the process', ['instances-apart'], fromGood(good => {
    instances.add(good)
    return { stop: async () => { await Promise.all([...instances].map(async instance => instance.stop())) } }
  })),
  bad('usurping', 'starting one instance stops the one before it', ['instances-apart'], fromGood(good => ({
    start: async () => {
      const before = lastStarted
      lastStarted = good
      await Promise.all([good.start(), before === good ? undefined : before?.stop()])
    }
  }))),
  bad('on wall time', 'it asks the platform for the time', ['clock-and-rng-only'], fromSpec(spec => ({
    round: round => {
      Date.now()
      return spec.round(round)
    }
  }))),
  bad('on real timers', 'it waits with a platform timer', ['clock-and-rng-only'], fromSpec(spec => ({
    async * round (round) {
      const timer = setTimeout(() => {}, 1_000)
      try {
        yield * spec.round(round)
      } finally {
        clearTimeout(timer)
      }
    }
  }))),
  bad('rolling dice', 'it takes chance from the platform', ['clock-and-rng-only'], fromSpec(spec => ({
    round: round => {
      Math.random()
      return spec.round(round)
    }
  })))
]

type Factory = BadMechanism['create']
interface Parts extends ReferenceOptions { clock: Clock, context: Context }

function bad (name: string, fault: string, breaks: readonly string[], create: Factory): BadMechanism {
  return { name, fault, breaks, create }
}

/** The reference on a board with some of its methods replaced. */
function reading (change: (board: NoticeBoard) => Partial<NoticeBoard>): Factory {
  return options => reference({ ...options, board: { ...options.board, ...change(options.board) } })
}

/** The reference with parts of its making changed. */
function fromSpec (change: (spec: MechanismSpec, parts: Parts) => Partial<MechanismSpec>): Factory {
  return ({ clock = systemClock(), ...options }) => context => {
    const spec = referenceSpec({ ...options, clock })
    return defineMechanism(context, { ...spec, ...change(spec, { ...options, clock, context }) })
  }
}

/** The finished reference with some of its members replaced. */
function fromGood (change: (good: DiscoveryMechanism, parts: Parts) => Partial<DiscoveryMechanism>): Factory {
  return ({ clock = systemClock(), ...options }) => context => {
    const good = reference({ ...options, clock })(context)
    const changed = change(good, { ...options, clock, context })
    return new Proxy(good, {
      get (target, key) {
        const value: unknown = Reflect.get(key in changed ? changed : target, key)
        // Methods need the target as `this`: its private fields are not the proxy's.
        return typeof value === 'function' ? value.bind(target) : value
      }
    })
  }
}

/** The reference with every claim changed on its way out. */
function amending (amend: (claim: Claim) => Claim, { eventsToo = true } = {}): Factory {
  const amended = (sighting: Sighting): Sighting => sighting.kind === 'claim' ? amend(sighting) : sighting
  return fromSpec(spec => ({
    open: async session => spec.open?.({ ...session, sight: sighting => session.sight(eventsToo ? amended(sighting) : sighting) }),
    async * round (round) {
      for await (const sighting of spec.round(round)) yield amended(sighting)
    }
  }))
}

function orThrow (parse: typeof parseNotice): typeof parseNotice {
  return notice => {
    const claim = parse(notice)
    if (claim == null) throw new TypeError('this is not a notice')
    return claim
  }
}

const deaf = (): (() => void) => () => {}

async function forever (): Promise<never> {
  return new Promise(() => {})
}

// What "contagious" and "usurping" share, as a module does that keeps its state outside of its instances.
const instances = new Set<DiscoveryMechanism>()
let lastStarted: DiscoveryMechanism | undefined

/** Somebody who is nowhere on the network. */
const STRANGER: PeerId = peerIdFromString('12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5')
