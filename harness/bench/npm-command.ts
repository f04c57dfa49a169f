import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { exitOnLostOutput, exitOnSignals } from '../base/process.ts'

/**
 * One of the project's own commands beside run-vm.sh, `npm run NAME`: called wrongly, it says why, with status 2. A signal ends
 * it as process.exit() does.
 */
export function npmCommand(name: string, description: string): Command {
  exitOnSignals()
  exitOnLostOutput()
  return new Command(`npm run ${name} --`)
    .description(description)
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2))
}

/** A folder of this process's own, which goes with it, however it ends but by SIGKILL. */
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

/** What is listed with commas between. */
export function listed(text: string): string[] {
  return text.split(',')
}
