import { Command, InvalidArgumentError } from 'commander'

/** One of the project's own commands beside run-vm.sh, `npm run NAME`: called wrongly, it says why, with status 2. */
export function npmCommand(name: string, description: string): Command {
  return new Command(`npm run ${name} --`)
    .description(description)
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2))
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
