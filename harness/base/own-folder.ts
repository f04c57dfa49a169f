// SPDX-License-Identifier: MIT
import path from 'node:path'

/** The folder of this project's own files: sources, example modules, node_modules. */
export const ownFolder = path.resolve(import.meta.dirname, '../..')
