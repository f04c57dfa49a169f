// SPDX-License-Identifier: MIT

import { ExitStatus, HarnessError, MachineryError, UsageError } from '../../base/errors.ts'
import type { Progress } from '../../base/progress.ts'
import type { Side } from '../../compare/comparison.ts'
import { FileRecorder } from '../../compare/recorder.ts'
import type { OpenedSide } from '../../compare/sides.ts'
import { isPrepared, prepareKernels } from '../../prepare/matrix.ts'
import type { PrepareOptions } from '../../prepare/prepare.ts'
import type { ReadySide } from './recorded-run.ts'

/** A side whose modules are built. */
export interface PreparedSide extends ReadySide {
  readonly opened: OpenedSide
  /** What of it is not there. */
  readonly notes: readonly string[]
}

/** What sides have in common. */
export interface SidePlan {
  readonly labels: readonly string[]
  readonly progress: Progress
  readonly worker: PrepareOptions['worker']
}

/**
 * Builds a side's modules for each kernel.
 * @throws MachineryError that names the side which cannot be built, with the compiler's lines
 */
export async function prepareSide(
  side: Side,
  opened: OpenedSide,
  { labels, progress, worker }: SidePlan,
): Promise<PreparedSide> {
  const { root, settings, shown } = opened
  const recorders = new Map(labels.map(label => [label, new FileRecorder(nameOf(side))]))
  const recorder = (label: string) => recorders.get(label) ?? new FileRecorder(nameOf(side))
  try {
    const kernels = await prepareKernels(labels, { settings, root, progress, worker, recorder })
    const named = new Map(kernels.map(({ label }, at) => [label, recorder(labels[at] ?? label)]))
    const notes = kernels.flatMap(kernel =>
      isPrepared(kernel)
        ? []
        : [`${nameOf(side)} (${shown}) cannot run on ${kernel.label}: ${kernel.error.message}`],
    )
    return {
      side,
      opened,
      root,
      settings,
      kernels,
      recorders: named,
      notes,
    }
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error
    const { message, details, status } = error
    // The folder of a revision is gone when its reader looks for it.
    const inProject = (text: string) =>
      opened.checkedOut === undefined
        ? text
        : text.replaceAll(`${root}/`, '').replaceAll(`${opened.checkedOut.folder}/`, '')
    const told = `${nameOf(side)} (${shown}): ${inProject(message)}`
    const options = { cause: error, ...(details === undefined ? {} : { details: inProject(details) }) }
    throw status === ExitStatus.usage ? new UsageError(told, options) : new MachineryError(told, options)
  }
}

function nameOf(side: Side): string {
  return side === 'base' ? 'BASE' : 'HEAD'
}
