// SPDX-License-Identifier: MIT
import path from 'node:path'

/** `.ts` in a checkout, which runs its sources, and `.js` in the package that is built from them. */
const extension = path.extname(import.meta.filename)

/** Whether this is the installed package, without example modules and suites. */
export const isPackage = extension === '.js'

/** The folder of this project's own modules: the checkout, or the package's `dist`. */
export const ownFolder = path.resolve(import.meta.dirname, '../..')

/** The file of an own module, by its path from {@link ownFolder} without an extension. */
export function ownModule(name: string): string {
  return path.join(ownFolder, name + extension)
}

/** The folder of the scripts that are there before anything is built or installed. */
export const scriptFolder = path.join(ownFolder, isPackage ? '../bin' : 'bin')

/** The program by which users start the command line. */
export const frontDoor = isPackage
  ? path.join(scriptFolder, 'netlink-vmtest')
  : path.join(ownFolder, 'run-vm.sh')

/** {@link frontDoor} as a command in the current folder: with a slash, or a shell would search its PATH. */
export function frontDoorFromHere(): string {
  const place = path.relative('', frontDoor)
  return place.includes('/') ? place : `./${place}`
}

/** How users write {@link frontDoor}, in messages. */
export const commandName = isPackage ? 'npx netlink-vmtest' : './run-vm.sh'
