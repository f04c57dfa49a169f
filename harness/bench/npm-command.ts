// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { exitOnLostOutput, exitOnSignals } from '../base/process.ts'

/**
 * One of the project's own commands beside run-vm.sh, `npm run NAME`: wrong usage is told with status 2, and
 * a signal ends it as process.exit() does.
 */
export function npmCommand(name: string, description: string): Command {
  exitOnSignals()
  exitOnLostOutput()
  return new Command(`npm run ${name} --`)
    .description(description)
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2))
}

/** A temporary folder that is removed when this process ends, unless by SIGKILL. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `netlink-vmtest-${name}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A number of runs. */
export function atLeastOne(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number, 1 at least.')
  return value
}

/** A comma-separated list. */
export function listed(text: string): string[] {
  return text.split(',')
}
