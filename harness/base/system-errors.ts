// SPDX-License-Identifier: MIT
import { accessSync, constants, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { cacheRoot } from './cache-root.ts'
import { HarnessError, MachineryError } from './errors.ts'
import { packageMissing } from './package-missing.ts'

/**
 * What to do about a system call's error (errno(3)) that this machine causes, and not a bug of this project.
 */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'free some',
  EDQUOT: 'free some, or have the quota raised',
  EACCES: 'give this user access to it',
  EPERM: 'give this user access to it',
  EROFS: 'use another place, or mount it for writing',
  EMFILE: 'raise the number of files that a process may have open (ulimit -n)',
  ENFILE: 'this machine has too many files open: end something',
  ENOMEM: 'end something, or lower vm.memory',
  EAGAIN: 'end something, or raise the number of processes that a user may have (ulimit -u)',
  ENOENT: 'was it removed meanwhile? Run this again',
  ENOTDIR: 'a part of that path is a file: correct the path',
  EISDIR: 'that is a folder: correct the path',
  ENAMETOOLONG: 'choose a shorter path',
  ELOOP: 'its links lead in a circle: correct them',
  EFBIG: 'raise the size that files may have (ulimit -f)',
  EIO: 'look at the disk, and at what the kernel says of it (dmesg)',
  ESTALE: 'look at the file server, and run this again',
  ETXTBSY: 'somebody is writing to it: run this again',
  EBUSY: 'somebody is using it: run this again',
  ENOTEMPTY: 'somebody is writing to it: run this again',
  EADDRINUSE: 'end what listens there',
  ENODEV: 'look at what is mounted there',
  ENXIO: 'look at what is mounted there',
}

/** What to do about this error, if that is known. */
export function remedyFor(error: unknown): string | undefined {
  return isSystemError(error) ? remedies[error.code] : undefined
}

/** The error of a system call, as Node throws it. */
interface SystemError extends Error {
  readonly code: string
  readonly syscall?: string
  readonly path?: string
  readonly dest?: string
}

/**
 * A system call's error that the machine or its user caused, or an incomplete installation's, as one line that
 * names the thing and what to do.
 * @param isFixed whether the place is the project's, which no variable moves
 * @returns undefined for everything else: a bug of this project
 */
export function understood(error: unknown, isFixed = false): HarnessError | undefined {
  if (error instanceof HarnessError) return error
  if (!isSystemError(error)) {
    if (!(error instanceof Error)) return undefined
    return packageMissing(error) ?? (error.cause ? understood(error.cause, isFixed) : undefined)
  }
  // On a read-only file system recursive mkdir says ENOENT, and rmSync has no code (24.21).
  const isVague = error.code === '' || (error.code === 'ENOENT' && error.syscall === 'mkdir')
  const reason = isVague ? unwritable(error.path) : undefined
  if (reason) return understood(reason, isFixed)
  if (error.syscall === 'uv_cwd')
    return new MachineryError('the current folder is gone: cd to one that is there', { cause: error })
  const remedy = remedies[error.code]
  if (remedy === undefined) return undefined
  // Node's form is "ENOSPC: no space left on device, write '/a'"; rmSync's (24.21) ", Unknown error:
  // Read-only file system '/a'"
  const [, words = error.code] = /^(?:[A-Z]+|, Unknown error): ([^,']*[^,' ])/.exec(error.message) ?? []
  const things = [error.syscall, error.path, error.dest].filter(Boolean).map(oneLine)
  const elsewhere = isFixed ? undefined : variableFor(error)
  return new MachineryError(
    `${words} (${things.join(' ') || error.code}): ${remedy}${elsewhere ? `, or set ${elsewhere}` : ''}`,
    { cause: error },
  )
}

/** Why nothing can be written in the nearest folder above that there is, if so. */
function unwritable(place = '/'): unknown {
  const above = path.dirname(path.resolve(place))
  if (!existsSync(above) && above !== '/') return unwritable(above)
  try {
    accessSync(above, constants.W_OK)
    return undefined
  } catch (error) {
    return error
  }
}

/** An error of a system call, as node makes them. */
export function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^(E[A-Z0-9]+)?$/.test(error.code)
  )
}

/** Errors that another place avoids. */
const placed = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR']

/** The environment variable that decides where a file lies: the cache's, or that of temporary files. */
function variableFor(error: SystemError): string | undefined {
  const place = error.dest ?? error.path
  if (!placed.includes(error.code) || place === undefined) return undefined
  const within = (folder: string) => `${path.resolve(place)}/`.startsWith(`${folder}/`)
  if (within(cacheRoot())) return 'XDG_CACHE_HOME to another folder'
  return within(path.resolve(tmpdir())) ? 'TMPDIR to another folder' : undefined
}

function oneLine(text: string | undefined): string {
  return (text ?? '').replace(/\s+/g, ' ')
}
