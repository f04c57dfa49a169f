// SPDX-License-Identifier: MIT
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { shown } from '../../kernel/build/module-sources.ts'
import { lockFileName } from '../../kernel/lock-file.ts'
import { ExitStatus, ModuleError, UsageError } from '../base/errors.ts'
import { commandName, frontDoor, isPackage } from '../base/own-folder.ts'
import { exitOnSignals } from '../base/process.ts'
import { consoleProgress } from '../base/progress.ts'
import { loadSettings, projectRoot, refuseOtherNames } from '../prepare/load-settings.ts'
import { checkSettings, type Settings, settingsFile } from '../prepare/settings.ts'
import { type Findings, findRegistrations } from '../session/registrations.ts'
import { findBuild, plainly } from './init/find-build.ts'
import { mayBeModuleFolder, moduleFolders } from './init/module-folders.ts'
import { type Engine, engines, type ModuleEntry, managerOf, type Plan, plan } from './init/plan.ts'
import { writeFiles } from './init/project-files.ts'
import { Questions } from './init/questions.ts'

export interface InitOptions {
  readonly kernel?: string
  /** The folders of the modules, where several have some; empty to look for them. */
  readonly modules: readonly string[]
  readonly ci?: Engine
  /** Asks nothing. */
  readonly yes?: boolean
}

/**
 * Makes a project of a folder with a module: configuration, a first suite, and what belongs to them. The
 * module is built, and loaded in a guest, to see what it registers.
 * @throws UsageError where there is nothing to do it with; ModuleError, after all is written, for modules that
 *   do not compile or that the kernel complains about
 */
export async function init(folder: string, options: InitOptions): Promise<ExitStatus> {
  const project = path.resolve(folder)
  checkProject(project)
  using questions = options.yes ? undefined : questionsHere()
  const isNew = !existsSync(path.join(project, settingsFile))
  const folders = isNew ? await chooseModules(project, options, questions) : []
  const settings = isNew ? settingsFor(project, plainly(folders)) : await ownSettings(project, options)
  exitOnSignals()
  const ci = options.ci ?? (await chooseEngine(project, questions))
  await questions?.ask(
    `Write what is missing for netlink-vmtest into ${shown(project)}? (yes, no) [yes]`,
    answer => {
      if (/^(no?)$/i.test(answer)) throw new UsageError('init was told no: the folder is as it was')
      return /^(|y|yes)$/i.test(answer) || undefined
    },
  )

  const { note } = consoleProgress()
  using workshop = isNew ? temporaryRoot(project) : undefined
  const root = workshop?.folder ?? project
  const kernel = options.kernel ?? settings.kernels?.[0]
  const look = (given: Settings) =>
    findRegistrations({ ...(kernel !== undefined && { kernel }) }, given, root)
  const { modules, findings } = isNew
    ? await findBuild(project, folders, entries => look(settingsFor(project, entries)), note)
    : { modules: [], findings: await look(settings) }
  const { broken, registrations } = findings
  if (broken?.status === ExitStatus.machinery) throw broken
  const made = plan({
    project,
    modules,
    kernel: options.kernel && labelIn(project, options.kernel),
    suites: settings.suites,
    registrations,
    isBroken: broken !== undefined,
    lock: workshop && textOf(path.join(workshop.folder, lockFileName)),
    ci,
  })
  writeFiles(project, made.files)
  process.stdout.write(`${report(project, made, findings).join('\n')}\n`)
  const faults = faultsOf(findings)
  const [first, ...more] = faults
  const logs = registrations.map(({ refused }) => refused?.message.split('\n').slice(1).join('\n'))
  if (broken) throw new ModuleError(broken.message, { ...(broken.details && { details: broken.details }) })
  if (first !== undefined)
    throw new ModuleError(first, {
      details: [findings.details, ...logs, ...more].filter(Boolean).join('\n'),
    })
  return ExitStatus.passed
}

/** The settings that are about to be written, with absolute paths. */
function settingsFor(project: string, modules: readonly ModuleEntry[]): Settings {
  const at = (file: string) => path.join(project, file)
  return checkSettings({
    modules: modules.map(each => ({ ...each, dir: at(each.dir), sources: each.sources.map(at) })),
  })
}

/** @throws UsageError if nothing can be made of the folder */
function checkProject(project: string): void {
  if (!statSync(project, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`there is no folder ${shown(project)} to make a project of`)
  try {
    accessSync(project, constants.W_OK)
  } catch (error) {
    throw new UsageError(`${shown(project)} cannot be written to: copy it to where you may write`, {
      cause: error,
    })
  }
  refuseOtherNames(project)
  const outer = projectRoot(project)
  if (outer !== project && existsSync(path.join(outer, settingsFile)))
    throw new UsageError(
      `${shown(project)} belongs to the project ${outer}, which has a ${settingsFile}: run init there`,
    )
}

/** @throws UsageError without a terminal */
function questionsHere(): Questions {
  if (process.stdin.isTTY && process.stderr.isTTY) return new Questions()
  throw new UsageError('init asks before it writes, and there is no terminal: give --yes')
}

/** The folders of the modules, relative to the project. */
async function chooseModules(
  project: string,
  options: InitOptions,
  questions: Questions | undefined,
): Promise<string[]> {
  if (options.modules.length > 0) {
    const places = options.modules.map(folder => path.resolve(folder))
    const other = places.find(place => !mayBeModuleFolder(place))
    if (other !== undefined)
      throw new UsageError(
        `--modules: ${shown(other)} has no Kbuild or Makefile with a line like obj-m += name.o`,
      )
    return places.map(place => path.relative(project, place) || '.')
  }
  const found = moduleFolders(project)
  if (found.length === 1) return found
  if (questions === undefined)
    throw new UsageError(
      `several folders have modules, ${found.join(', ')}: say which by --modules, once for each`,
    )
  const list = found.map((each, index) => `  ${index + 1}  ${each}`).join('\n')
  return await questions.ask(
    `Several folders have modules:\n${list}\nWhich are to be tested, in the order of building? (1, or 1,2) [all]`,
    answer => chosen(answer, found),
  )
}

/** The folders with these numbers; undefined if one has none. */
function chosen(answer: string, folders: readonly string[]): string[] | undefined {
  if (/^(|all)$/i.test(answer)) return [...folders]
  const picked = answer.split(/[\s,]+/).map(number => folders[Number(number) - 1])
  return picked.every(each => each !== undefined) ? picked : undefined
}

/** The settings of a project that has some, with modules. */
async function ownSettings(project: string, options: InitOptions): Promise<Settings> {
  const settings = await loadSettings(project)
  if (options.modules.length > 0)
    throw new UsageError(`--modules: ${settingsFile} is there, and says which modules: change it there`)
  if (settings.modules !== undefined) return settings
  const [found] = moduleFolders(project)
  throw new UsageError(`${settingsFile} names no modules: add modules: '${found}'`)
}

async function chooseEngine(project: string, questions: Questions | undefined): Promise<Engine | undefined> {
  if (['.github', '.gitlab-ci.yml'].some(name => existsSync(path.join(project, name)))) return undefined
  const answer = await questions?.ask('A workflow for CI? (github, gitlab, none) [none]', given => {
    if (/^(|n|no|none)$/i.test(given)) return 'none'
    return engines.find(each => each === given.toLowerCase())
  })
  return answer === 'none' ? undefined : answer
}

/** A folder for the lock file, which is written before it is known whether all goes well. */
function temporaryRoot(project: string): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-init-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  // A signal ends this process by process.exit().
  process.once('exit', remove)
  const lock = textOf(path.join(project, lockFileName))
  if (lock !== undefined) writeFiles(folder, [{ name: lockFileName, content: lock }])
  return {
    folder,
    [Symbol.dispose]() {
      process.off('exit', remove)
      remove()
    },
  }
}

function textOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** A label as the project's configuration has it: paths are relative to its folder there. */
function labelIn(project: string, label: string): string {
  const [, kind, file] = /^(tree|pack):(.+)$/s.exec(label) ?? []
  if (kind === undefined || file === undefined || path.isAbsolute(file)) return label
  return `${kind}:${path.relative(project, path.resolve(file)) || '.'}`
}

/** What was done, and the next command. */
function report(project: string, { written, kept, script }: Plan, { broken }: Findings): string[] {
  const cd = project === process.cwd() ? '' : `cd ${shown(project)} && `
  const install = isPackage && !isInstalled(project) ? `${managerOf(project)} install && ` : ''
  const run = isPackage ? `${managerOf(project)} run ${script ?? ''}` : ''
  const next =
    broken !== undefined
      ? `set what the build needs in ${settingsFile}, and run ${commandName} init again for the suites`
      : `${cd}${install}${isPackage ? (script === undefined ? commandName : run) : frontDoor}`
  return [
    ...written.map(each => `wrote ${each}`),
    ...kept.map(each => `kept ${each}`),
    ...(written.length + kept.length === 0 ? ['nothing is missing'] : []),
    `next: ${next}`,
  ]
}

/** Whether the package is where a project's scripts and types find it. */
function isInstalled(project: string): boolean {
  for (let at = project; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, 'node_modules/netlink-vmtest'))) return true
    if (at === path.dirname(at)) return false
  }
}

function faultsOf({ registrations, faults }: Findings): string[] {
  return [
    ...faults,
    ...registrations.flatMap(({ module, refused, references, leftovers }) => [
      ...(refused ? [refused.message.split('\n', 1)[0] ?? ''] : []),
      ...(references > 0
        ? [`${module} keeps references to itself (${references}), which its suite leaves behind: a leak`]
        : []),
      ...leftovers.map(each => `${module} leaves behind ${each} when it is unloaded`),
    ]),
  ]
}
