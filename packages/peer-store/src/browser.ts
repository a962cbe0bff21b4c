/**
 * What the store needs in a browser: a disk. An entry of its own, so that Node never loads it.
 *
 * @packageDocumentation
 */
export { browserDisk } from './disk/browser-disk.ts'
