/**
 * Events whose listeners cannot harm anybody. A listener of an `EventTarget` that throws, or whose promise rejects, ends a
 * Node process; here it is told of, and the others hear the event all the same.
 */
import { TypedEventEmitter, type EventHandler } from 'main-event'
import { toError } from '@peerweave/interface'

// oxlint-disable-next-line typescript/no-explicit-any -- each is of the event that it is kept by
type Guard = (event: any) => void

// oxlint-disable-next-line typescript/no-explicit-any -- as main-event has it
export class GuardedEventEmitter<EventMap extends Record<string, any>> extends TypedEventEmitter<EventMap> {
  readonly #onError: (error: Error, type: string) => void
  /** What stands for a listener, by event: to be found again when it is removed. */
  readonly #guards = new WeakMap<object, Map<keyof EventMap, Guard>>()

  constructor (onError: (error: Error, type: string) => void) {
    super()
    this.#onError = onError
  }

  override addEventListener<K extends keyof EventMap> (
    type: K, listener: EventHandler<EventMap[K]> | null, options?: boolean | AddEventListenerOptions
  ): void {
    super.addEventListener(type, listener == null ? listener : this.#guarded(type, listener), options)
  }

  override removeEventListener<K extends keyof EventMap> (
    type: K, listener?: EventHandler<EventMap[K]> | null, options?: boolean | EventListenerOptions
  ): void {
    super.removeEventListener(type, listener == null ? listener : this.#guarded(type, listener), options)
  }

  #guarded<K extends keyof EventMap> (type: K, listener: EventHandler<EventMap[K]>): (event: EventMap[K]) => void {
    const guards = this.#guards.get(listener) ?? new Map<keyof EventMap, Guard>()
    this.#guards.set(listener, guards)
    const guard = guards.get(type) ?? ((event: EventMap[K]) => {
      try {
        const heard: unknown = typeof listener === 'function' ? Reflect.apply(listener, this, [event]) : listener.handleEvent(event)
        if (heard instanceof Promise) heard.catch(error => this.#onError(toError(error), String(type)))
      } catch (error) {
        this.#onError(toError(error), String(type))
      }
    })
    guards.set(type, guard)
    return guard
  }
}
