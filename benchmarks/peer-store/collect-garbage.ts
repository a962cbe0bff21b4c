/** A full collection on demand, without a flag at the start of the process. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/**
 * To be called before a clock starts: making the inputs leaves more garbage than most phases do. What a phase itself
 * leaves is collected on its time.
 */
export const collectGarbage = runInNewContext('gc') as () => void
