// SPDX-License-Identifier: MIT
import type { KernelOfRun } from '../prepare/matrix.ts'
import { factsOf } from '../report/kernel-facts.ts'
import type { FindSource } from '../report/source-files.ts'
import { summarize } from '../report/summary.ts'
import { completeReports, type ReportFiles } from './reports.ts'
import { startReport } from './vitest-command.ts'
import { VitestFiles } from './vitest-files.ts'

/** Writes the reports of a run without any kernel, with the reasons: no file is run. */
export async function reportNone(
  kernels: readonly KernelOfRun[],
  run: {
    readonly options: ReportFiles
    readonly root: string
    readonly find: FindSource
    readonly started: number
  },
): Promise<void> {
  const { options, root, find, started } = run
  const theirs = new VitestFiles()
  const vitest = await startReport([], {
    root,
    config: false,
    watch: false,
    passWithNoTests: true,
    projects: kernels.map(({ label }) => ({ extends: false, root, test: { name: label, include: [] } })),
    reporters: [theirs.json],
  })
  await vitest.close()
  const summaries = kernels.map(kernel => summarize(vitest, factsOf(kernel)))
  const outcome = { total: performance.now() - started, passed: false, find }
  completeReports(options, { vitest, theirs }, summaries, outcome)
}
