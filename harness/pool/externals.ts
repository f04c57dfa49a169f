// SPDX-License-Identifier: MIT
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { ownFolder } from '../base/own-folder.ts'

/** This package's entry points for tests, and their files in the guests' package. */
const ours: Readonly<Record<string, string>> = {
  [path.join(ownFolder, 'guest/netlink/index.ts')]: 'netlink.mjs',
  [path.join(ownFolder, 'guest/testing/index.ts')]: 'testing.mjs',
}

/** Aliases of these entry points: Vite does not resolve a package's imports of itself. */
export const aliases: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ours).map(([file, name]) => [`netlink-vmtest/${path.basename(name, '.mjs')}`, file]),
)

/**
 * The guest's URL of a module that it has by itself; undefined for all others, whose code comes from Vite.
 * Without this Vitest names external modules by the host's paths.
 */
export function inGuest(
  id: string,
  { distPath, project: { config } }: { distPath: string; project: { config: { root: string } } },
  packageFolder: string,
): string | undefined {
  if (id.startsWith(pathToFileURL(`${guestPaths.root}/`).href)) return id
  const named = id.startsWith('file://') ? fileURLToPath(id) : id.replace(/^\/@fs\//, '/')
  const file = named.replace(/[?#].*$/, '')
  // Vite names files below its root relative to it.
  for (const candidate of [file, path.join(config.root, file)]) {
    const entry = ours[candidate]
    if (entry) return pathToFileURL(`${packageFolder}/${entry}`).href
    if (candidate.startsWith(`${distPath}/`)) {
      const name = candidate.slice(distPath.length + 1).replace(/\.js$/, '.mjs')
      return guestModule(`vitest/dist/${name}`)
    }
    if (/\/node_modules\/koffi\//.test(candidate)) return guestModule('koffi/index.js')
  }
  if (id === 'vitest') return guestModule('vitest/dist/index.mjs')
  if (id === 'koffi') return guestModule('koffi/index.js')
  return undefined
}

function guestModule(name: string): string {
  return pathToFileURL(`${guestPaths.packages}/${name}`).href
}
