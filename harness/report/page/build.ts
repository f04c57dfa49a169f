// SPDX-License-Identifier: MIT
/** Puts the page's script and style sheet into the package that is built (package.json, build). */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ownFolder } from '../../base/own-folder.ts'
import { bundlePage } from './assets.ts'

const folder = path.join(ownFolder, 'dist', path.relative(ownFolder, import.meta.dirname), 'client')
mkdirSync(folder, { recursive: true })
const { script, style } = bundlePage()
writeFileSync(path.join(folder, 'main.js'), script)
writeFileSync(path.join(folder, 'style.css'), style)
