// SPDX-License-Identifier: MIT
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { ownModule } from '../base/own-folder.ts'

/** This package's entry points for tests, and their files in the guests' package. */
const ours: Readonly<Record<string, string>> = {
  [ownModule('guest/netlink/index')]: 'netlink.mjs',
  [ownModule('guest/testing/index')]: 'testing.mjs',
  [ownModule('guest/ynl/index')]: 'ynl.mjs',
}

/** Aliases of these entry points: Vite does not resolve a package's imports of itself. */
export const aliases: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ours).map(([file, name]) => [`netlink-vmtest/${path.basename(name, '.mjs')}`, file]),
)

/**
 * The guest's URL of a module that it has by itself; undefined for all others, whose code comes from Vite.
 * Without this Vitest names external modules by the host's paths.
 * @param root Vite's, which it names files below relative to
 */
export function inGuest(id: string, root: string, packageFolder: string): string | undefined {
  if (id.startsWith(pathToFileURL(`${guestPaths.root}/`).href)) return id
  const named = id.startsWith('file://') ? fileURLToPath(id) : id.replace(/^\/@fs\//, '/')
  const file = named.replace(/[?#].*$/, '')
  for (const candidate of [file, path.join(root, file)]) {
    const entry = ours[candidate]
    if (entry) return pathToFileURL(`${packageFolder}/${entry}`).href
    // Of a project with another Vitest, too: guests have one.
    const [, ofVitest] = /\/node_modules\/vitest\/dist\/(.+)/.exec(candidate) ?? []
    if (ofVitest) return guestModule(`vitest/dist/${ofVitest.replace(/\.js$/, '.mjs')}`)
    if (/\/node_modules\/koffi\//.test(candidate)) return guestModule('koffi/index.js')
  }
  if (id === 'vitest') return guestModule('vitest/dist/index.mjs')
  if (id === 'koffi') return guestModule('koffi/index.js')
  return undefined
}

function guestModule(name: string): string {
  return pathToFileURL(`${guestPaths.packages}/${name}`).href
}
