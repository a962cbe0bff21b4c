/**
 * The `peerweave` command, for programs that want to embed it.
 *
 * @packageDocumentation
 */
export { program } from './program.ts'
export { VERSION } from './version.ts'
