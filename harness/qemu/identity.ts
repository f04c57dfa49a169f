// SPDX-License-Identifier: MIT
import { statSync } from 'node:fs'
import { requireTool } from '../base/tools.ts'

export const qemuBinary = 'qemu-system-x86_64'

/** Identifies a program by file, size and date; asking for its version would start it. */
export function programIdentity(name: string): string {
  const file = requireTool(name)
  const { size, mtimeMs } = statSync(file)
  return `${file} ${size} ${Math.floor(mtimeMs / 1000)}`
}

export function qemuIdentity(): string {
  return programIdentity(qemuBinary)
}
