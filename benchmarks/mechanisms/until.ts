/** Resolves with whether `condition` held within `deadline` ms. */
export async function until (condition: () => boolean | Promise<boolean>, deadline: number): Promise<boolean> {
  const end = performance.now() + deadline
  while (!await condition()) {
    if (performance.now() > end) return false
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return true
}
