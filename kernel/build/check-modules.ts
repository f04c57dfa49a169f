// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { contentKey } from '../../harness/base/cache.ts'
import { cachedByInputs } from '../../harness/base/inputs.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { findTool } from '../../harness/base/tools.ts'
import type { Kernel } from '../kernel.ts'
import { buildFolder, planBuild } from './build-modules.ts'
import { checkSources, linesOfBuild, logFile, symbolsFile } from './make.ts'
import { type ModuleFolder, shown } from './module-sources.ts'
import { fileIdentity } from './toolchain.ts'

/** Tools that check sources, each a command that takes the compiler's arguments. */
export const checkers = { sparse: 'sparse', smatch: 'smatch -p=kernel' } as const
export type Checker = keyof typeof checkers

/** Whether a tool is on the PATH. */
export function isInstalled(tool: Checker): boolean {
  return findTool(tool) !== undefined
}

/**
 * What a tool says of the sources of folders that can be built: its lines, and those of compiler and modpost
 * among them, with files named below the folder of all sources. Cached by all that it depends on.
 * @throws as buildModules(), and ModuleError if it does not come to an end
 */
export async function checkModules(
  kernel: Kernel,
  folders: readonly ModuleFolder[],
  { tool, progress }: { tool: Checker; progress: Progress },
): Promise<string[]> {
  const symbols: string[] = []
  const lines: string[] = []
  for (const folder of folders) {
    const { entry: built } = await buildFolder(kernel, folder, symbols, progress)
    const { build, key } = await planBuild(kernel, folder, symbols)
    const entry = await cachedByInputs(
      'modules',
      contentKey([key, checkers[tool], fileIdentity(tool)]),
      draft =>
        progress.step(`${tool}: ${shown(folder.dir)} for ${kernel.release}`, async () => {
          const { log, files } = await checkSources(build, checkers[tool])
          await writeFile(path.join(draft, logFile), log)
          return files
        }),
    )
    lines.push(...linesOfBuild(await readFile(path.join(entry, logFile), 'utf8'), build.sources, ''))
    const exported = path.join(built, symbolsFile)
    if (existsSync(exported)) symbols.push(exported)
  }
  return lines
}
