// SPDX-License-Identifier: MIT
import type { Command } from 'commander'

/** Examples for each command's --help: arguments, and what they do. */
export const examples: Readonly<Record<string, readonly (readonly [args: string, what: string])[]>> = {
  run: [
    ['', 'all suites on the default kernel'],
    ['--kernel debian-5.10,debian-7.3 echo', 'files with "echo" in their path, on two kernels'],
    ['--matrix --junit report.xml', "the configuration's kernels, with a report"],
    ['-t ACK --trace', 'tests with "ACK" in their name, with what their sockets say'],
    ['--watch', 'again whenever a suite or module changes'],
  ],
  probe: [
    ['probe', 'all families of the modules under test'],
    ['probe --family ethtool -t privileges', "one of the kernel's own"],
    ['probe --module mine --describe', 'what its families are'],
  ],
  compare: [
    ['compare main', 'the work tree with the branch main'],
    ['compare v1.0 v1.1 --matrix --markdown changes.md', 'two releases, on all kernels'],
    ['compare ./before ./after echo', 'two folders of modules, by the files with "echo" in their path'],
    ['compare --save-baseline main.baseline', 'what the work tree does, for --baseline main.baseline'],
  ],
  merge: [['merge blobs --matrix --markdown summary.md', "one report of all jobs' blobs"]],
  build: [
    ['build --matrix', 'all kernels of the configuration, before a run'],
    ['build --kernel debian-6.12 --pack 6.12.pack', 'one file for other machines: --kernel pack:6.12.pack'],
  ],
  kernels: [['kernels --matrix --json', 'labels for the jobs of a CI']],
  doctor: [['doctor', 'what is missing here, and the command that installs it']],
  setup: [['setup --yes', 'install it']],
  init: [['init --ci github', 'a project here, with a workflow']],
  generate: [['generate spec.yaml -o client.ts', 'a typed client']],
  exec: [
    ['exec -- uname -r', 'a command in a guest'],
    ['exec --module "mine limit=5" --copy ./tool -- tool', 'a program of yours, with a module'],
  ],
  shell: [['shell --kernel debian-7.3 --module mine', 'look around']],
  completion: [['completion', 'to be evaluated by bash']],
}

/** Adds the examples to the help of the commands. */
export function addExamples(program: Command): void {
  for (const command of program.commands) {
    const lines = (examples[command.name()] ?? []).map(([args, what]) =>
      `  # ${what}\n  ${program.name()} ${args}`.trimEnd(),
    )
    if (lines.length > 0) command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
  }
}
