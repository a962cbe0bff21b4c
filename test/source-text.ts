/** Source code as far as the structure tests must understand it: which parts are code, and what is imported. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The workspace's root folder. */
export const root: string = fileURLToPath(new URL('..', import.meta.url))

// What is not code in the narrow sense: comments, strings, templates (their expressions included), regular expressions.
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//
const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/
// Only where an operand may stand; elsewhere the slash divides.
const REGEX = /(?<=(?:[=(,:;!&|?{}[]|return|=>)\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/
const TOKEN = new RegExp([COMMENT, STRING, REGEX].map(({ source }) => source).join('|'), 'g')

/** The code without comments, which become spaces: positions and lines stay. */
export function withoutComments (source: string): string {
  return source.replace(TOKEN, token => /^\/[/*]/.test(token) ? blank(token) : token)
}

/** The code without comments and without the text of strings, templates and regular expressions. */
export function codeOnly (source: string): string {
  return source.replace(TOKEN, token => /^\/[/*]/.test(token) ? blank(token) : `${token[0]}${blank(token.slice(1, -1))}${token.at(-1)}`)
}

function blank (text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

/** Every specifier that is imported, re-exported or loaded at run time, types included. */
export function importsOf (source: string): string[] {
  const code = withoutComments(source)
  // Where a statement may begin, so that a string that reads like an import is none.
  const declared = code.matchAll(/(?:^|;)[ \t]*(?:import|export)\b(?:[^'"`;=()]*?\bfrom)?\s*(['"])([^'"\n]+)\1/gm)
  const dynamic = code.matchAll(/\bimport\s*\(\s*(['"`])([^'"`\n]+)\1/g)
  const typed = code.matchAll(/^declare module (['"])([^'"\n]+)\1/gm)
  return [...declared, ...dynamic, ...typed].map(match => match[2] ?? '')
}

/** What is installed, and what other tests make and unmake meanwhile: no sources of ours. */
const NOT_OURS = /[\\/](?:node_modules|tmp-[^\\/]*)(?:[\\/]|$)/

/** The files under `folder` (relative to the root) whose name ends with `ext`, relative to the root, with `/`. */
export function filesUnder (folder: string, ext: RegExp = /\.[cm]?[jt]s$/): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && ext.test(entry.name) && !NOT_OURS.test(`/${relative(root, entry.parentPath)}`))
    .map(entry => relative(root, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort()
}

/** The names of the folders in `packages`. */
export function packageFolders (): string[] {
  return readdirSync(join(root, 'packages'), { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name).sort()
}

export function read (path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export interface Manifest {
  name: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

export function manifestOf (folder: string): Manifest {
  return JSON.parse(read(`packages/${folder}/package.json`)) as Manifest
}
