import path from 'node:path'

/** The folder that this project's own files are in: sources, example modules, node_modules. */
export const ownFolder = path.resolve(import.meta.dirname, '../..')
