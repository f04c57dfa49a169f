// SPDX-License-Identifier: MIT
import path from 'node:path'
import { execa } from 'execa'
import { requireLabel } from '../../kernel/provide.ts'
import { sourceLabel } from '../../kernel/source/labels.ts'
import { cacheRoot } from '../base/cache-root.ts'
import { ExitStatus } from '../base/errors.ts'
import { scriptFolder } from '../base/own-folder.ts'
import { runToolOrFail, tethered } from '../base/process.ts'
import { requireTool } from '../base/tools.ts'
import { labelsOf } from '../prepare/matrix.ts'
import type { Settings } from '../prepare/settings.ts'

export interface SetupOptions {
  readonly kernel?: string
  readonly matrix?: boolean
  /** Installs without asking. */
  readonly yes?: boolean
}

/** The functions of set-up, which run-vm.sh needs before there is a Node. */
const functions = path.join(scriptFolder, 'system-packages.sh')

/**
 * Installs the Debian packages that runs on the chosen kernels need, if some are missing. The script that
 * does it asks at a terminal, and says what to do where it cannot go on.
 */
export async function setup(options: SetupOptions, settings: Settings): Promise<ExitStatus> {
  // Where nothing is chosen it is the machine's own, which is not built here: labelsOf() wants a Debian for it.
  const isChosen = options.kernel !== undefined || options.matrix || settings.kernels !== undefined
  const labels = isChosen ? labelsOf(options, settings) : []
  for (const label of labels) requireLabel(label)
  if ((await missingPackages(labels)).length === 0) {
    process.stdout.write('nothing is missing\n')
    return ExitStatus.passed
  }
  const ask = options.yes ? 'never' : 'always'
  const [file, args] = tethered('sh', script('alone install_packages', labels, ask), 'TERM')
  requireTool(file)
  const { exitCode } = await execa(file, args, { stdio: 'inherit', reject: false })
  return exitCode === 0 ? ExitStatus.passed : ExitStatus.machinery
}

/** The Debian packages that runs on these kernels need, and this machine lacks. */
export async function missingPackages(labels: readonly string[]): Promise<string[]> {
  const { stdout } = await runToolOrFail('sh', script('missing_packages', labels), { timeout: 30_000 })
  return stdout.split('\n').filter(line => line !== '')
}

/** Arguments of sh that run one of the functions. */
function script(command: string, labels: readonly string[], ask = 'always'): string[] {
  const fromSource = labels.some(sourceLabel) ? 'yes' : 'no'
  const code = `set -eu; cache=$1 from_source=$2 ask=$3; . "$4"; ${command}`
  return ['-c', code, 'sh', cacheRoot(), fromSource, ask, functions]
}
