// SPDX-License-Identifier: MIT
import { mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { isErrno } from './errors.ts'

/**
 * Makes a folder and those above it. Node's recursive mkdirSync (24.21) does not return where a file system
 * answers ENOENT in a folder that is there, as /proc does.
 * @throws the error of mkdir(2)
 */
export function makeFolder(folder: string): void {
  const make = () => {
    try {
      mkdirSync(folder)
    } catch (error) {
      if (!isErrno(error, 'EEXIST') || !statSync(folder).isDirectory()) throw error
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
