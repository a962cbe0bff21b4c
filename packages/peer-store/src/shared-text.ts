/** One copy of each text that many peers have. A second copy is no fault, so what is known may be forgotten at any time. */

/** Chosen: a network speaks some hundred protocols; who makes up more only loses the sharing. */
const SIZE = 2_048

/** BOUNDED by {@link SIZE}; at the bound it begins anew. */
export class SharedText {
  readonly #known = new Map<string, string>()

  of (text: string): string {
    const known = this.#known.get(text)
    if (known != null) return known
    if (this.#known.size === SIZE) this.#known.clear()
    this.#known.set(text, text)
    return text
  }
}
