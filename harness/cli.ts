// SPDX-License-Identifier: MIT
import path from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { onWait } from './base/cache.ts'
import { cacheRoot } from './base/cache-root.ts'
import { ExitStatus } from './base/errors.ts'
import { frontDoor } from './base/own-folder.ts'
import { exitOnLostOutput, exitOnSignals } from './base/process.ts'
import { understood } from './base/system-errors.ts'
import { ownVersion } from './base/version.ts'
import type { BuildOptions } from './commands/build.ts'
import type { CompareOptions } from './commands/compare/compare.ts'
import type { GenerateOptions } from './commands/generate.ts'
import { addExamples } from './commands/help-examples.ts'
import type { InitOptions } from './commands/init.ts'
import type { MergeOptions } from './commands/merge.ts'
import type { DescribeFlags } from './commands/probe/describe.ts'
import type { ProbeOptions } from './commands/probe/probe.ts'
import type { ReportFiles } from './commands/reports.ts'
import type { RunOptions } from './commands/run.ts'
import type { SetupOptions } from './commands/setup.ts'
import { loadSettings, projectRoot } from './prepare/load-settings.ts'
import type { Settings } from './prepare/settings.ts'
import { compilerErrors, isOnGitHub, workflowCommands } from './report/annotations.ts'
import type { SessionOptions } from './session/session.ts'

exitOnLostOutput()

// Node ends with status 1 on an uncaught exception, which here means that a kernel under test failed.
process.on('uncaughtException', error => process.exit(report(error)))

// The front door sets it for this process, not for its children.
if (process.env.NODE_COMPILE_CACHE === path.join(cacheRoot(), 'compiled'))
  delete process.env.NODE_COMPILE_CACHE

onWait(name => void process.stderr.write(`  waiting for another run that is busy with ${name}\n`))

async function projectSettings(): Promise<Settings> {
  const settings = await loadSettings(root)
  exitOnSignals()
  return settings
}

const several = (value: string, earlier: string[]) => [...earlier, value]

/** An option that may be given once: a second value would replace the first unnoticed. */
function once(value: string, earlier: string | undefined): string {
  if (earlier !== undefined) throw new InvalidArgumentError(`It was given before, as ${earlier}.`)
  return value
}

const root = projectRoot(process.cwd())
const program = new Command(path.basename(frontDoor))
  .description(
    'Runs Vitest files inside freshly booted Linux kernels, against netlink modules built for them.',
  )
  .version(ownVersion(), '--version', 'print the version')
  .showHelpAfterError('(--help shows what there is)')
  .exitOverride()

/** Options of what runs tests. */
function ofRuns(command: Command): Command {
  return ofReports(
    command
      .option(
        '--kernel <labels>',
        'kernels to run on, separated by commas (default: the one of this Debian release)',
        once,
      )
      .option('--matrix', "run on the configuration's list of kernels")
      .option(
        '--modules <dir>',
        'an out-of-tree Kbuild directory with the modules to test, instead of those of the project',
        once,
      )
      .option('--trace', 'show what passed tests have said on their sockets too, as diagrams')
      .option(
        '--capture <dir>',
        'write what the tests of each file say on their sockets into DIR, as pcapng',
        once,
      )
      .option('--gdb', 'let the guest of one test file wait for gdb, with the symbols of what is loaded')
      .option('--break <function>', 'with gdb, stop at a function of a module, or at FILE:LINE', several, [])
      .option(
        '--debug [test]',
        'open a shell in the guest of the first failed test of one file, or of the first whose name matches',
      )
      .option('--dump', 'keep the memory of a guest whose kernel panics or freezes, for crash and drgn')
      .option('--fork', 'fork guests from a warm one, under software emulation, for few files too')
      .option('--no-fork', 'restore each guest instead of forking it from a warm one')
      .option(
        '--no-isolate',
        'let test files of a kernel share guests, one after the other, for as long as all is well in them',
      ),
  )
}

/** The configuration; the reports of an earlier run are removed before it can fail. */
async function settingsForReports(options: ReportFiles): Promise<Settings> {
  const { forgetReports } = await import('./commands/reports.ts')
  forgetReports(options)
  return await projectSettings()
}

/** Options of what makes reports; others go to Vitest. */
function ofReports(command: Command): Command {
  return command
    .option('--junit <file>', 'write a JUnit report; - is stdout, in place of the usual report', once)
    .option('--json <file>', 'write a JSON report', once)
    .option('--markdown <file>', 'write the table of suites and kernels, and the failures, as Markdown', once)
    .option('--ktap <file>', 'write a KTAP report', once)
    .option(
      '--html <file>',
      'write a report as one HTML page, with diagrams and kernel logs of failed tests',
      once,
    )
    .allowUnknownOption()
    .allowExcessArguments()
}

ofRuns(
  program
    .command('run', { isDefault: true })
    .description('run the suites (the default); options that are not listed here go to Vitest')
    .argument('[filters...]', 'run only the test files whose path contains one of these'),
).action(async (_filters: string[], options: RunOptions, command: Command) => {
  const { run } = await import('./commands/run.ts')
  const commands = program.commands.map(each => each.name())
  process.exitCode = await run(options, command.args, await settingsForReports(options), root, commands)
})

ofRuns(
  program
    .command('probe')
    .description(
      'test families of generic netlink by what the kernel tells of them, with no suite written; options that are not listed here go to Vitest',
    )
    .argument('[filters...]', 'run only the test files whose path (FAMILY/command-N) contains one of these')
    .option('--module <name>', 'a module whose families to probe (default: all under test)', several, [])
    .option('--family <name>', "a family to probe: a module's, or the kernel's own", several, [])
    .option('--spec <file>', 'a YNL specification of a family', several, [])
    .option('--faults', 'let each allocation of each operation fail, on a debug kernel')
    .option('--seed <number>', 'repeat the random sequences of an earlier run', once)
    .option('--time <seconds>', 'how long to try random sequences', once)
    .option(
      '--describe',
      'test nothing, but tell what the families are; with --json and --markdown in files, too',
    )
    .option('--yaml <file>', 'with --describe, write a draft of a YNL specification', once),
).action(async (_filters: string[], options: ProbeOptions & DescribeFlags, command: Command) => {
  if (options.describe || options.yaml !== undefined) {
    const { describe, describeOptions } = await import('./commands/probe/describe.ts')
    const settings = await projectSettings()
    process.exitCode = await describe(describeOptions(options, command.args, settings), settings, root)
    return
  }
  const { probe } = await import('./commands/probe/probe.ts')
  process.exitCode = await probe(options, command.args, await settingsForReports(options), root)
})

program
  .command('compare')
  .description(
    'run suites and probe on two versions of the modules, and tell only what differs; options that are not listed here go to Vitest',
  )
  .argument('[base]', 'a revision of the project, or a folder of modules')
  .argument('[head]', 'the same (default: the work tree as it is)')
  .argument('[filters...]', 'only the test files whose path contains one of these')
  .option('--kernel <labels>', 'kernels to run on, separated by commas', once)
  .option('--matrix', "run on the configuration's list of kernels")
  .option('--no-probe', 'run the suites alone, and do not probe families of generic netlink')
  .option(
    '--spec <file>',
    'a YNL specification of a family, for probe and for names in what is told',
    several,
    [],
  )
  .option('--accept <file>', 'a file that names changes that are wanted', once)
  .option('--save-baseline <file>', 'write what BASE does into a file, in place of a comparison', once)
  .option('--baseline <file>', 'compare HEAD with such a file, in place of BASE', once)
  .option('--json <file>', 'write what differs as JSON', once)
  .option('--markdown <file>', 'write what differs as Markdown, for a pull request', once)
  .option('--html <file>', 'write what differs as one HTML page, with both conversations side by side', once)
  .allowUnknownOption()
  .allowExcessArguments()
  .action(
    async (_base: string, _head: string, _filters: string[], options: CompareOptions, command: Command) => {
      const { compare } = await import('./commands/compare/compare.ts')
      process.exitCode = await compare(options, command.args, await settingsForReports(options), root)
    },
  )

ofReports(
  program
    .command('merge')
    .description(
      'make one report of the blobs (run --reporter=blob) of several shards, kernels and machines; options that are not listed here go to Vitest',
    )
    .argument('[dir...]', 'the folder with the blobs')
    .option('--kernel <labels>', 'kernels that must be there, separated by commas', once)
    .option('--matrix', "the configuration's list of kernels must be there"),
).action(async (_folders: string[], options: MergeOptions, command: Command) => {
  const { merge } = await import('./commands/merge.ts')
  process.exitCode = await merge(options, command.args, await projectSettings(), root)
})

program
  .command('build')
  .description('provide kernels, their modules and images, and run nothing')
  .option(
    '--kernel <labels>',
    "kernels, separated by commas (default: the configuration's, else that of this Debian release)",
    once,
  )
  .option('--matrix', "the configuration's list of kernels")
  .option(
    '--modules <dir>',
    'an out-of-tree Kbuild directory with the modules, instead of those of the project',
    once,
  )
  .option('--update', 'take the newest version there is, and write that into the lock file')
  .addOption(
    new Option(
      '--pack <file>',
      'write the kernel into one file, for pack:FILE on other machines, and build no more',
    ).conflicts('modules'),
  )
  .action(async (options: BuildOptions) => {
    const { build } = await import('./commands/build.ts')
    process.stdout.write(`${await build(options, await projectSettings(), root)}\n`)
  })

const kernels = program
  .command('kernels')
  .description('list the kernels: what each is, and what of it is cached')
  .option('--json', 'as JSON')
  .option('--matrix', "only the labels of the configuration's list, for the jobs of a CI")
  .action(async ({ json, matrix }: { json?: boolean; matrix?: boolean }) => {
    const { kernelsTable, listKernels } = await import('./commands/kernels.ts')
    if (matrix) {
      const { labelsOf } = await import('./prepare/matrix.ts')
      const labels = labelsOf({ matrix }, await projectSettings())
      process.stdout.write(`${json ? JSON.stringify(labels) : labels.join('\n')}\n`)
      return
    }
    const listings = listKernels()
    process.stdout.write(`${json ? JSON.stringify(listings, null, 2) : kernelsTable(listings)}\n`)
  })

kernels
  .command('prune')
  .description('remove what has not been used for long, and what does not fit')
  .option('--days <number>', 'remove what was not used for so many days', amount)
  .option(
    '--gigabytes <number>',
    'then remove what was used longest ago, kernels last, until so much is left',
    amount,
  )
  .action(async (options: { days?: number; gigabytes?: number }) => {
    const { pruneKernels } = await import('./commands/kernels.ts')
    const { cache } = await projectSettings()
    const done = await pruneKernels(options.days ?? cache.days, options.gigabytes ?? cache.gigabytes)
    process.stdout.write(`${done}\n`)
  })

program
  .command('doctor')
  .description('look at what this host can do: tools, accelerator (really tried), memory, disk, mirror')
  .option('--json', 'as JSON')
  .action(async ({ json }: { json?: boolean }) => {
    const { examine, findingsTable } = await import('./commands/doctor.ts')
    const findings = await examine(await projectSettings())
    process.stdout.write(`${json ? JSON.stringify(findings, null, 2) : findingsTable(findings)}\n`)
    if (findings.some(({ verdict }) => verdict === 'problem')) process.exitCode = ExitStatus.machinery
  })

program
  .command('setup')
  .description('install the Debian packages that runs need and that are missing; asks first, at a terminal')
  .option('--kernel <labels>', 'also what building these kernels needs, separated by commas', once)
  .option('--matrix', "also what building the configuration's list of kernels needs")
  .option('-y, --yes', 'do not ask')
  .action(async (options: SetupOptions) => {
    const { setup } = await import('./commands/setup.ts')
    process.exitCode = await setup(options, await projectSettings())
  })

program
  .command('init')
  .description('make a project of a folder with a module: configuration, a first suite, scripts; asks first')
  .argument('[dir]', "the project's folder", '.')
  .option('--kernel <label>', 'the kernel (default: the one of this Debian release)', once)
  .option(
    '--modules <dir>',
    "the modules' folder, where several have some; may be given again, in the order of building",
    several,
    [],
  )
  .addOption(new Option('--ci <engine>', 'also a workflow').choices(['github', 'gitlab']))
  .option('-y, --yes', 'do not ask')
  .action(async (dir: string, options: InitOptions) => {
    const { init } = await import('./commands/init.ts')
    process.exitCode = await init(dir, options)
  })

program
  .command('generate')
  .description('make TypeScript of a YNL specification: a client with a typed call for each operation')
  .argument('<spec>', 'the specification, as in Documentation/netlink/specs of the kernel')
  .option(
    '-o, --output <file>',
    'the file to write, in place of stdout; replaces only what was generated',
    once,
  )
  .action(async (spec: string, options: GenerateOptions) => {
    const { generate } = await import('./commands/generate.ts')
    generate(spec, options)
  })

/** A command with the options of a guest of its own. */
function inGuest(name: string): Command {
  return program
    .command(name)
    .option('--kernel <label>', 'the kernel (default: the one of this Debian release)', once)
    .option(
      '--module <name>',
      'load this module first, "NAME a=1" with parameters; may be given again, for the next',
      several,
      [],
    )
    .option(
      '--modules <dir>',
      'an out-of-tree Kbuild directory with the modules, instead of those of the project',
      once,
    )
    .option('--copy <src[:dst]>', 'copy a file or folder into the guest; may be given again', several, [])
}

inGuest('exec')
  .description('run a command in a guest: its stdin, stdout, stderr and exit status are those of this one')
  .usage('[options] -- COMMAND [ARG...]')
  .argument('<command...>', 'the command, after --')
  .action(async (command: string[], options: SessionOptions) => {
    const { exec } = await import('./commands/exec.ts')
    process.exitCode = await exec(command, options, await projectSettings(), root)
  })

inGuest('shell')
  .description('a shell in a guest, at a terminal or with commands from stdin')
  .action(async (options: SessionOptions) => {
    const { shell } = await import('./commands/shell.ts')
    process.exitCode = await shell(options, await projectSettings(), root)
  })

program
  .command('completion')
  .description('a script for bash that completes commands, options and kernels: eval "$(COMMAND completion)"')
  .action(async () => {
    const { completionScript } = await import('./commands/completion.ts')
    const name = path.basename(frontDoor)
    process.stdout.write(completionScript(program, [name, `./${name}`]))
  })

addExamples(program)
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
// Wait for both streams: a failed write is reported by then. At a terminal Vitest 5.1 puts a function in the
// place of write() that knows no callback in the second place.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>(resolve => stream.write('', 'utf8', () => resolve()))
// Vitest can leave handles open that would keep this process alive.
process.exit()

function amount(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number.')
  return value
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const known = understood(error)
  if (known === undefined) {
    const stack = error instanceof Error ? error.stack : String(error)
    process.stderr.write(`${stack}\nerror: this is a bug of netlink-vmtest: report it with the lines above\n`)
    return ExitStatus.machinery
  }
  process.stderr.write(`${known.details ? `${known.details}\n` : ''}error: ${known.message}\n`)
  if (isOnGitHub()) process.stderr.write(workflowCommands(compilerErrors(known.message, known.details)))
  return known.status
}
