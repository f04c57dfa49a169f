// SPDX-License-Identifier: MIT
/** Puts the pages' scripts and style sheet into the package that is built (package.json, build). */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ownFolder } from '../../base/own-folder.ts'
import { bundlePage, pageNames } from './assets.ts'

const folder = path.join(ownFolder, 'dist', path.relative(ownFolder, import.meta.dirname), 'client')
mkdirSync(folder, { recursive: true })
for (const name of pageNames) {
  const { script, style } = bundlePage(name)
  writeFileSync(path.join(folder, `${name}.js`), script)
  writeFileSync(path.join(folder, 'style.css'), style)
}
