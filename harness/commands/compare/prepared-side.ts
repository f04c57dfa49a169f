// SPDX-License-Identifier: MIT

import { ExitStatus, HarnessError, MachineryError, UsageError } from '../../base/errors.ts'
import type { Progress } from '../../base/progress.ts'
import type { Side } from '../../compare/comparison.ts'
import { FileRecorder } from '../../compare/recorder.ts'
import { inProject, type OpenedSide, titleOf, wordOf } from '../../compare/sides.ts'
import { prepareKernels } from '../../prepare/matrix.ts'
import type { PrepareOptions } from '../../prepare/prepare.ts'
import type { ReadySide } from './recorded-run.ts'

/** A side whose modules are built. */
export interface PreparedSide extends ReadySide {
  readonly opened: OpenedSide
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
  const { root, settings } = opened
  const title = titleOf(side, opened)
  const recorders = new Map(labels.map(label => [label, new FileRecorder(wordOf(side))]))
  const recorder = (label: string) => recorders.get(label) ?? new FileRecorder(wordOf(side))
  try {
    const own = progressOf(side, opened, progress)
    const kernels = await prepareKernels(labels, { settings, root, progress: own, worker, recorder })
    const named = new Map(kernels.map(({ label }, at) => [label, recorder(labels[at] ?? label)]))
    return {
      side,
      opened,
      root,
      settings,
      kernels,
      recorders: named,
    }
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error
    const { message, details, status } = error
    const told = `${title}: ${inProject(message, opened)}`
    const options = {
      cause: error,
      ...(details === undefined ? {} : { details: inProject(details, opened) }),
    }
    throw status === ExitStatus.usage ? new UsageError(told, options) : new MachineryError(told, options)
  }
}

/** Steps and notes that say which side they are of, in the project's paths. */
function progressOf(side: Side, opened: OpenedSide, progress: Progress): Progress {
  const told = (text: string) => `${side === 'base' ? 'BASE' : 'HEAD'}: ${inProject(text, opened)}`
  return {
    step: (title, work) => progress.step(told(title), work),
    note: line => progress.note(told(line)),
  }
}
