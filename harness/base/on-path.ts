import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import path from 'node:path'

/** The file of a program by its name, as a shell finds it; /usr/sbin and /sbin count whoever calls. */
export function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':').filter(path.isAbsolute), '/usr/sbin', '/sbin']
  for (const folder of folders) {
    const file = executable(path.join(folder, name))
    if (file) return file
  }
  return undefined
}

/** @returns the path again, where it is a file that may be run */
export function executable(file: string): string | undefined {
  try {
    accessSync(file, constants.X_OK)
    return statSync(realpathSync(file)).isFile() ? file : undefined
  } catch {
    return undefined
  }
}
