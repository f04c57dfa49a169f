// SPDX-License-Identifier: MIT
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { isErrno, UsageError } from '../../base/errors.ts'

/** A file of a project that is to be written. */
export interface PlannedFile {
  /** Its path in the project. */
  readonly name: string
  readonly content: string
  /** What the file has now, if it is there; a new file replaces none. */
  readonly before?: string | undefined
}

/**
 * Writes all files, or none: what was written is removed if a later one cannot be. Nothing waits in between,
 * so a signal comes before or after all of it.
 * @throws the system's error, or UsageError if a file has changed meanwhile
 */
export function writeFiles(project: string, files: readonly PlannedFile[]): void {
  const undo: (() => void)[] = []
  const write = (file: string, content: string) => {
    const descriptor = openSync(file, 'wx')
    undo.push(() => rmSync(file, { force: true }))
    try {
      writeFileSync(descriptor, content)
    } finally {
      closeSync(descriptor)
    }
  }
  try {
    for (const { name, content, before } of files) {
      const place = path.join(project, name)
      if (before === undefined) {
        for (const made of makeFolders(path.dirname(place))) undo.push(() => rmdirSync(made))
        write(place, content)
      } else replace(name, place, before, content, write, undo)
    }
  } catch (error) {
    for (const each of undo.reverse()) each()
    throw isErrno(error, 'EEXIST')
      ? new UsageError('a file that init writes was made meanwhile: run this again', { cause: error })
      : error
  }
}

function replace(
  name: string,
  place: string,
  before: string,
  content: string,
  write: (file: string, content: string) => void,
  undo: (() => void)[],
): void {
  // What a link leads to is replaced, not the link.
  const real = realpathSync(place)
  if (readFileSync(real, 'utf8') !== before)
    throw new UsageError(`${name} was changed meanwhile: run this again`)
  const draft = `${real}.netlink-vmtest-init`
  write(draft, content)
  chmodSync(draft, statSync(real).mode)
  renameSync(draft, real)
  undo.push(() => writeFileSync(real, before))
}

/** Makes a folder and those above it. @returns the new ones, from above */
function makeFolders(folder: string): string[] {
  if (existsSync(folder)) return []
  const above = makeFolders(path.dirname(folder))
  mkdirSync(folder)
  return [...above, folder]
}
