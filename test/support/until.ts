/** Waiting in tests: nobody sleeps for a time that was guessed. */

/**
 * Resolves as soon as `condition` holds; fails after `deadline` ms, saying what was waited for.
 *
 * @param what - the end of "not within 5000 ms: …"
 */
export async function until (condition: () => unknown, what: string = condition.toString(), deadline = 5_000): Promise<void> {
  const end = performance.now() + deadline
  while (await condition() !== true) {
    if (performance.now() > end) throw new Error(`not within ${deadline} ms: ${what}`)
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
}
