import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { ownFolder } from '../base/own-folder.ts'

/** Our own entry points that tests import, and where they are in the package that guests get. */
const ours: Readonly<Record<string, string>> = {
  [path.join(ownFolder, 'guest/netlink/index.ts')]: 'netlink.mjs',
  [path.join(ownFolder, 'guest/testing/index.ts')]: 'testing.mjs',
}

/** What tests import from us, for Vite, which does not resolve a package's imports of itself. */
export const aliases: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ours).map(([file, name]) => [`netlink-vmtest/${path.basename(name, '.mjs')}`, file]),
)

/**
 * A module that the guest has by itself, as the URL by which it imports it; undefined for all others, whose code
 * comes from Vite. Without this Vitest names externalised modules by the host's paths, which the guest does not have.
 */
export function inGuest(
  id: string,
  { distPath, project: { config } }: { distPath: string; project: { config: { root: string } } },
  packageFolder: string,
): string | undefined {
  if (id.startsWith(pathToFileURL(`${guestPaths.root}/`).href)) return id
  const named = id.startsWith('file://') ? fileURLToPath(id) : id.replace(/^\/@fs\//, '/')
  const file = named.replace(/[?#].*$/, '')
  // Vite names files below its root by paths relative to that root.
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
