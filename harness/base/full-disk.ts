// SPDX-License-Identifier: MIT
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { cacheRoot } from './cache-root.ts'
import { MachineryError } from './errors.ts'

/** The error for a disk that is full: that of the cache, or of temporary files if less is left there. */
export function diskFull(): MachineryError {
  const [least] = [
    { folder: cacheRoot(), variable: 'XDG_CACHE_HOME' },
    { folder: tmpdir(), variable: 'TMPDIR' },
  ].sort((a, b) => bytesLeft(a.folder) - bytesLeft(b.folder))
  return new MachineryError(
    `no space left below ${least?.folder}: free some, or set ${least?.variable} to a larger disk`,
  )
}

/** @throws MachineryError if a tool's output says that the disk is full */
export function throwIfFull({ all }: { readonly all: string }): void {
  if (all.includes('No space left on device')) throw diskFull()
}

/** Bytes that this user can still write there; Infinity if there is no such folder. */
export function bytesLeft(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
