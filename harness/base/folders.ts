// SPDX-License-Identifier: MIT
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { isErrno, messageOf, UsageError } from './errors.ts'

/**
 * Makes a folder and those above it. Node's recursive mkdirSync (24.21) does not return where a file system
 * answers ENOENT in a folder that is there, as /proc does.
 * @throws the error of mkdir(2), or UsageError if something else has its name
 */
export function makeFolder(folder: string): void {
  const make = () => {
    try {
      mkdirSync(folder)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      if (!statSync(folder).isDirectory()) throw new UsageError(`${folder} is no folder`, { cause: error })
    }
  }
  try {
    make()
  } catch (error) {
    const above = path.dirname(folder)
    if (!isErrno(error, 'ENOENT') || above === folder) throw error
    makeFolder(above)
    make()
  }
}

/**
 * Makes the folder that an option names, before a run.
 * @throws UsageError if nothing can be written there
 */
export function requireFolder(option: string, folder: string): void {
  const probe = path.join(folder, `.netlink-vmtest-${process.pid}`)
  try {
    makeFolder(folder)
    const fd = openSync(probe, 'wx')
    try {
      writeSync(fd, 'x')
    } finally {
      closeSync(fd)
      rmSync(probe)
    }
  } catch (error) {
    throw new UsageError(`${option}: cannot write into ${folder}: ${messageOf(error)}`, { cause: error })
  }
}
