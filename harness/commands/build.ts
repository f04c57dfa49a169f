// SPDX-License-Identifier: MIT
import { packKernel } from '../../kernel/pack/write.ts'
import { UsageError } from '../base/errors.ts'
import { consoleProgress } from '../base/progress.ts'
import { bytes } from '../base/stock.ts'
import { withModules } from '../prepare/delivery.ts'
import { labelsOf } from '../prepare/matrix.ts'
import { prepareKernel, projectKernel } from '../prepare/prepare.ts'
import type { Settings } from '../prepare/settings.ts'

export interface BuildOptions {
  readonly kernel?: string
  readonly matrix?: boolean
  /** A folder of modules in place of the project's. */
  readonly modules?: string
  readonly update?: boolean
  /** The file of the pack to be made. */
  readonly pack?: string
}

/**
 * Makes kernels ready with modules, image and template, so that the next run starts testing at once; or packs
 * one.
 * @returns a line for each that says what was made
 */
export async function build(options: BuildOptions, settings: Settings, root: string): Promise<string> {
  const { modules, update, pack } = options
  const labels = labelsOf(options, settings)
  const progress = consoleProgress()
  if (pack !== undefined) {
    const [label, ...more] = labels
    if (label === undefined || more.length > 0)
      throw new UsageError(`--pack takes one kernel, and these are ${labels.length}: choose one by --kernel`)
    const kernel = await projectKernel(label, { settings, root, progress, update })
    const size = await packKernel(kernel, pack, progress)
    return `${pack}: ${kernel.release}, ${kernel.origin}, ${bytes(size)}`
  }
  const chosen = withModules(settings, modules)
  const lines: string[] = []
  for (const label of labels) {
    const { kernel } = await prepareKernel(label, { settings: chosen, root, progress, update })
    lines.push(`${kernel.label}: ${kernel.release}, ${kernel.origin}`)
  }
  return lines.join('\n')
}
