/**
 * What the store needs on Node: a disk. An entry of its own, so that a browser never loads it.
 *
 * @packageDocumentation
 */
export { nodeDisk } from './disk/node-disk.ts'
