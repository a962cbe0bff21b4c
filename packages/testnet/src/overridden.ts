/** An object as another shows it, but for some of its members. */

/** Methods are called on the object itself, which may have private members. */
export function overridden<T extends object> (target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get (_, key) {
      const value: unknown = Reflect.get(Object.hasOwn(members, key) ? members : target, key)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
