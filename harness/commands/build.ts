// SPDX-License-Identifier: MIT
import path from 'node:path'
import { packKernel } from '../../kernel/pack/write.ts'
import { consoleProgress } from '../base/progress.ts'
import { bytes } from '../base/stock.ts'
import { prepareKernel, projectKernel } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'

export interface BuildOptions {
  readonly kernel: string
  /** A folder of modules in place of the project's. */
  readonly modules?: string
  readonly update?: boolean
  /** The file of the pack to be made. */
  readonly pack?: string
}

/**
 * Makes a kernel ready with modules, image and template, so that the next run starts testing at once; or
 * packs it.
 * @returns one line that says what was made
 */
export async function build(options: BuildOptions, settings: Settings, root: string): Promise<string> {
  const { kernel: label, modules, update, pack } = options
  const progress = consoleProgress()
  if (pack !== undefined) {
    const kernel = await projectKernel(label, { settings, root, progress, update })
    const size = await packKernel(kernel, pack, progress)
    return `${pack}: ${kernel.release}, ${kernel.origin}, ${bytes(size)}`
  }
  const chosen = modules === undefined ? settings : { ...settings, modules: path.resolve(modules) }
  const { kernel } = await prepareKernel(label, { settings: chosen, root, progress, update })
  return `${kernel.label}: ${kernel.release}, ${kernel.origin}`
}
