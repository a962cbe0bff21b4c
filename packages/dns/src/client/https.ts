/** DNS over HTTPS. RFC 8484. */
import { abortError, LimitExceededError, NetworkError, toError, type Clock } from '@peerweave/interface'
import { MAX_MESSAGE_BYTES } from './constants.ts'
import type { AskInit, Attempt } from './ask.ts'
import type { HttpsServer } from './servers.ts'

const MEDIA_TYPE = 'application/dns-message'

/**
 * A POST, which nothing on the way keeps. No redirect: whoever is asked was chosen.
 *
 * @throws TimeoutError, AbortError, NetworkError, LimitExceededError when the answer is longer than a message may be, or
 * what `read` throws
 */
export async function askHttps<Answer> (
  clock: Clock, { text }: HttpsServer, { message, read }: Attempt<Answer>, { budget, signal: outer }: AskInit
): Promise<Answer> {
  using deadline = clock.deadline(budget, outer)
  const { signal } = deadline
  let bytes: Uint8Array
  try {
    const response = await fetch(text, {
      method: 'POST',
      headers: { accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE },
      body: new Uint8Array(message),
      redirect: 'error',
      cache: 'no-store',
      credentials: 'omit',
      signal
    })
    bytes = await readBody(response)
  } catch (error) {
    if (signal.aborted) throw abortError(signal.reason)
    // `fetch failed` says nothing; its cause does.
    throw error instanceof TypeError ? new NetworkError(toError(error.cause ?? error).message, { cause: error }) : error
  }
  const answer = read(bytes)
  if (answer === undefined) throw new NetworkError('over HTTPS it answered something else')
  return answer
}

async function readBody (response: Response): Promise<Uint8Array> {
  const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (response.status !== 200 || type !== MEDIA_TYPE) {
    await response.body?.cancel()
    throw new NetworkError(response.status === 200 ? 'it answered with another media type' : `HTTP status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  // Broken off, it is cancelled.
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > MAX_MESSAGE_BYTES) throw new LimitExceededError(`an answer of more than ${MAX_MESSAGE_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}
