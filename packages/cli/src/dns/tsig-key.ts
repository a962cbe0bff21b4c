/** Keys for updates, as the command line gives them. No error shows what was given: it may be the secret. */
import { readFileSync } from 'node:fs'
import { show, toError } from '@peerweave/interface'
import { UsageError } from '../usage-error.ts'
import type { PublishOptions } from '@peerweave/dns'

type Key = NonNullable<PublishOptions['key']>

const ALGORITHMS = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const
const KEY_OPTION = /^([^:\s]+):([^:]+):([A-Za-z0-9+/]+={0,2})$/
/** One `key` statement of BIND's configuration. */
const KEY_FILE = /^\s*key\s+"?([^"\s{;]+)"?\s*\{\s*algorithm\s+"?([^"\s;]+)"?\s*;\s*secret\s+"?([A-Za-z0-9+/]+={0,2})"?\s*;\s*\}\s*;\s*$/

/** @throws UsageError */
export function keyOf (text: string): Key {
  return found(KEY_OPTION.exec(text)) ?? wrong('--key must be name:algorithm:base64')
}

/** @throws UsageError */
export function keyInFile (path: string): Key {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--key-file cannot be read: ${toError(error).message}`, { cause: error })
  }
  return found(KEY_FILE.exec(text)) ?? wrong(`--key-file must hold one key as tsig-keygen prints it, and ${show(path)} does not`)
}

function found (match: RegExpExecArray | null): Key | undefined {
  const [, name, given = '', secret] = match ?? []
  const algorithm = ALGORITHMS.find(known => known === given.toLowerCase())
  return name === undefined || secret === undefined || algorithm === undefined ? undefined : { name, algorithm, secret }
}

function wrong (what: string): never {
  throw new UsageError(`${what}, with an algorithm of ${ALGORITHMS.join(', ')}`)
}
