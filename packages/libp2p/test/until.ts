/** Waits for a condition instead of sleeping: returns as soon as it holds, fails with its source when it does not. */
export async function until (condition: () => unknown, ms = 5_000): Promise<void> {
  const end = performance.now() + ms
  while (await condition() !== true) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
