import { realpathSync, statSync } from 'node:fs'
import { runTool } from '../../harness/base/process.ts'
import { findTool, ToolMissing } from '../../harness/base/tools.ts'

/** What modules are built with on this machine. */
export interface Toolchain {
  /** The compiler's command: `gcc-12`. */
  readonly compiler: string
  /** Which files its tools are, and the compiler's version: another tool in the place of one is another build. */
  readonly identity: readonly string[]
}

/**
 * The tools to build with: the compiler that made the kernel where it is installed, else the host's default gcc. Others
 * work: gcc 12 builds modules for kernels made with gcc 10, 14 and 16.
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

function fileIdentity(tool: string): string {
  const file = findTool(tool)
  if (file === undefined) return `no ${tool}`
  const place = realpathSync(file)
  const { size, mtimeMs } = statSync(place)
  return [place, size, mtimeMs].join(' ')
}
