// SPDX-License-Identifier: MIT
import { homedir } from 'node:os'
import path from 'node:path'
import { MachineryError } from './errors.ts'

/** `$XDG_CACHE_HOME/netlink-vmtest`, or the same below `~/.cache`: everything that is kept is below it. */
export function cacheRoot(): string {
  return path.resolve(process.env.XDG_CACHE_HOME || path.join(home(), '.cache'), 'netlink-vmtest')
}

function home(): string {
  try {
    return homedir()
  } catch (error) {
    // In a container: $HOME is not set, and /etc/passwd has no such user.
    throw new MachineryError('this user has no home folder: set HOME or XDG_CACHE_HOME', { cause: error })
  }
}
