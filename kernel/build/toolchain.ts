// SPDX-License-Identifier: MIT
import { realpathSync, statSync } from 'node:fs'
import { runTool } from '../../harness/base/process.ts'
import { findTool, ToolMissing } from '../../harness/base/tools.ts'

/** This machine's tools for building modules. */
export interface Toolchain {
  /** The compiler's command: `gcc-12`. */
  readonly compiler: string
  /** The tools' files and the compiler's version: part of a build's key. */
  readonly identity: readonly string[]
}

/**
 * Finds the tools: the compiler that built the kernel if it is installed, else the host's default gcc. Other
 * versions work: gcc 12 builds modules for kernels built with gcc 10, 14 and 16.
 * @param config the kernel's configuration
 */
export async function findToolchain(config: string): Promise<Toolchain> {
  const [, made] = /^CONFIG_CC_VERSION_TEXT=".*?gcc-(\d+)\b/m.exec(config) ?? []
  for (const compiler of made === undefined ? ['gcc'] : [`gcc-${made}`, 'gcc']) {
    const version = await runTool(compiler, ['--version'], { timeout: 20_000 }).catch(error => {
      if (error instanceof ToolMissing && error.tool === compiler) return undefined
      throw error
    })
    const [line] = version?.stdout.split('\n') ?? []
    if (version?.exitCode !== 0 || !line) continue
    const tools = [compiler, 'make', 'as', 'ld', 'strip']
    return { compiler, identity: [line, ...tools.map(fileIdentity)] }
  }
  throw new ToolMissing('gcc')
}

/** Changes with a tool's file. */
export function fileIdentity(tool: string): string {
  const file = findTool(tool)
  if (file === undefined) return `no ${tool}`
  const place = realpathSync(file)
  const { size, mtimeMs } = statSync(place)
  return [place, size, mtimeMs].join(' ')
}
