// SPDX-License-Identifier: MIT
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { countingModule, type DeliveredFile, guestPaths } from '../../guest/agent/protocol.ts'
import { bundleGuestPackage, type GuestPackage } from '../../images/guest-runtime.ts'
import { type ModuleIndex, moduleIndex, treeModule } from '../../images/kernel-modules.ts'
import { projectPrograms } from '../../images/programs.ts'
import { type BuiltModules, buildModules } from '../../kernel/build/build-modules.ts'
import { type Checker, checkModules } from '../../kernel/build/check-modules.ts'
import type { ModuleFolder } from '../../kernel/build/module-sources.ts'
import type { Notes } from '../../kernel/build/profiled.ts'
import { fullLabelOf } from '../../kernel/debian/series.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { kselftests } from '../../kernel/kselftest/kselftests.ts'
import { UsageError } from '../base/errors.ts'
import { isPackage, ownFolder } from '../base/own-folder.ts'
import type { Progress } from '../base/progress.ts'
import { type HostItem, itemsOf } from '../guest/host-files.ts'
import type { SymbolFiles } from '../verdict/decode.ts'
import { type Settings, settingsFile } from './settings.ts'

/** The folder of the example modules in a checkout. */
export const exampleModules = 'kernel/modules'

/** The folders of the modules under test; the example modules if there are none, which only a checkout has. */
export function modulesUnderTest({ modules }: Settings, root: string): ModuleFolder[] {
  if (modules === undefined) return isPackage ? [] : [{ dir: path.join(ownFolder, exampleModules) }]
  return listed(modules).map(each => {
    const folder = typeof each === 'string' ? { dir: each } : each
    const { parameters: _, ...build } = folder
    const sources = folder.sources?.map(source => path.resolve(root, source))
    return { ...build, dir: path.resolve(root, folder.dir), sources }
  })
}

/** The parameters that modules under test are loaded with, by their names in the kernel. */
export function moduleParameters({ modules = [] }: Settings): ReadonlyMap<string, string> {
  return new Map(
    listed(modules).flatMap(each =>
      Object.entries((typeof each === 'object' ? each.parameters : undefined) ?? {}).map(
        ([name, parameters]) => [name.replaceAll('-', '_'), parameters],
      ),
    ),
  )
}

/** What loading a module takes. */
export interface Loading {
  /** Files that the guest does not have yet. */
  readonly files: readonly DeliveredFile[]
  /** The modules' paths, in the order of loading. */
  readonly order: readonly string[]
}

/** The path of a module under test in guests. */
function placeOf(name: string): string {
  return `${guestPaths.modules}/${name}.ko`
}

/** The folders and files that the modules under test are built from. */
export function sourcesUnderTest(settings: Settings, root: string): string[] {
  return modulesUnderTest(settings, root).flatMap(({ dir, sources = [] }) => [dir, ...sources])
}

/** What to add where a kernel lacks a module of its own: Debian's kernels for cloud machines lack many. */
export function whereMore(label: string): string {
  const full = fullLabelOf(label)
  return full === undefined ? '' : `; ${full} has the modules of all Debian machines`
}

type Modules = NonNullable<Settings['modules']>

function listed(modules: Modules): readonly Exclude<Modules, readonly unknown[]>[] {
  return Array.isArray(modules) ? modules : [modules]
}

/** The files that a glob names, and what is below the folders that it names, at their own paths. */
function filesOf(glob: string, root: string): HostItem[] {
  const found = globSync(glob, { cwd: root }).map(name => Buffer.from(path.resolve(root, name)))
  if (found.length === 0) throw new UsageError(`files: ${glob} names no file of ${root}: correct it`)
  return found.flatMap(file => itemsOf(file, file))
}

/**
 * The settings with another folder of modules (--modules). If the project has a single folder, its build
 * options apply to the new one, unless that lacks what they name.
 * @throws UsageError if it is no folder
 */
export function withModules(settings: Settings, dir: string | undefined): Settings {
  if (dir === undefined) return settings
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--modules: there is no folder ${dir}`)
  const [own, ...more] = listed(settings.modules ?? [])
  const like = typeof own === 'object' && more.length === 0 && isBuiltLike(own, dir) ? own : {}
  return { ...settings, modules: { ...like, dir: path.resolve(dir) } }
}

/** Whether a folder has the target in its makefile, and the script that prepares it. */
function isBuiltLike({ target, prepare }: Pick<ModuleFolder, 'target' | 'prepare'>, dir: string): boolean {
  const [, script] = /^(\.\/\S+)/.exec(prepare ?? '') ?? []
  if (script !== undefined && !existsSync(path.join(dir, script))) return false
  if (target === undefined) return true
  const makefile = ['GNUmakefile', 'makefile', 'Makefile'].map(name => path.join(dir, name)).find(existsSync)
  const rules =
    makefile === undefined ? [] : readFileSync(makefile, 'utf8').matchAll(/^([^\s#:=][^#:=]*)::?(?!=)/gm)
  return [...rules].some(([, targets = '']) => targets.split(/\s+/).includes(target))
}

/** The folders of the client library, the test helpers and the programs. */
export const packageFolders = ['guest/netlink', 'guest/ynl', 'guest/testing', 'guest/programs'].map(folder =>
  path.join(ownFolder, folder),
)

/**
 * What every guest of a kernel gets at run time: modules under test, client library, helpers, programs of this
 * project and of the user's. They are in neither image nor template, so that a change needs no new ones.
 */
export class Delivery {
  readonly #kernel: Kernel
  readonly #folders: readonly ModuleFolder[]
  readonly #progress: Progress
  readonly #parameters: ReadonlyMap<string, string>
  #modules: readonly DeliveredFile[] = []
  #built: BuiltModules = new Map()
  /** By module, the paths of those that must be loaded before it. */
  #needs: ModuleIndex['needs'] = new Map()
  /** The modules under test by their aliases, those with patterns left out. */
  #aliases: ReadonlyMap<string, string> = new Map()
  #package: GuestPackage = { folder: '', files: [] }
  #copies: readonly HostItem[] = []

  /** @param parameters that modules are loaded with, by name */
  constructor(
    kernel: Kernel,
    folders: readonly ModuleFolder[],
    progress: Progress,
    parameters: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#kernel = kernel
    this.#folders = folders
    this.#progress = progress
    this.#parameters = parameters
  }

  /** The client library, the helpers and the programs, as last bundled. */
  get package(): GuestPackage {
    return this.#package
  }

  /** The modules under test as last built, their in-tree dependencies, and modprobe's index. */
  get modules(): readonly DeliveredFile[] {
    return this.#modules
  }

  /**
   * What must be loaded for a module, which comes last: one under test, or an in-tree one, whose file is
   * included.
   * @throws UsageError that names those under test
   */
  async loading(name: string): Promise<Loading> {
    const named = path.basename(name, '.ko').replaceAll('-', '_')
    const module = this.#needs.has(named) ? named : (this.#aliases.get(named) ?? named)
    const inGuest = (place: string) => path.resolve(this.#treeInGuest, place)
    const needs = this.#needs.get(module)
    if (needs) return { files: [], order: [...needs.map(inGuest), placeOf(module)] }
    const own = await treeModule(this.#kernel, module)
    if (own) {
      const files = own.map(({ path, content }) => ({ path: inGuest(path), content }))
      return { files, order: files.map(({ path }) => path) }
    }
    throw new UsageError(`there is no module ${name}: ${this.#underTest}${whereMore(this.#kernel.label)}`)
  }

  /** The parameters that the configuration has for a module, by its file. */
  parametersOf(file: string): string {
    return this.#parameters.get(path.basename(file, '.ko')) ?? ''
  }

  get #underTest(): string {
    return this.moduleNames.length > 0 ? `choose one of ${this.moduleNames.join(', ')}` : 'none is under test'
  }

  /** The modules' files with debug information, and the kernel's if there is one. */
  get symbols(): SymbolFiles {
    return {
      module: name => this.#built.get(name)?.debug,
      vmlinux: this.#kernel.vmlinux,
    }
  }

  /** The modules under test as last built, by name. */
  get built(): BuiltModules {
    return this.#built
  }

  get moduleNames(): string[] {
    return [...this.#built.keys()].filter(name => name !== countingModule)
  }

  /** What gcov needs, by folder, where modules count what runs. */
  get notes(): Notes[] {
    const all = [...this.#built].flatMap(([name, { notes }]) =>
      notes && name !== countingModule ? [notes] : [],
    )
    return [...new Map(all.map(notes => [notes.folder, notes])).values()]
  }

  /**
   * Builds the modules if a source has changed.
   * @throws ModuleError with the compiler's lines; the earlier modules stay
   */
  async buildModules(): Promise<void> {
    requireFolders(this.#folders)
    this.#built = await buildModules(this.#kernel, this.#folders, { progress: this.#progress })
    const modules = new Map(
      [...this.#built].map(([name, { file }]) => [
        name,
        { place: placeOf(name), content: readFileSync(file) },
      ]),
    )
    const { dependencies, aliases, inTree, needs, missing } = await moduleIndex(this.#kernel, modules)
    for (const [name, needed] of missing)
      this.#progress.note(
        `${name} needs ${needed.join(', ')}, which ${this.#kernel.label} does not have: it will not load there${whereMore(this.#kernel.label)}`,
      )
    for (const name of this.#parameters.keys())
      if (!this.#built.has(name))
        throw new UsageError(`modules.parameters: there is no module ${name}: ${this.#underTest}`)
    const options = [...this.#parameters].map(([name, given]) => `options ${name} ${given}\n`).join('')
    const tree = this.#treeInGuest
    this.#needs = needs
    this.#aliases = aliasesIn(aliases)
    this.#modules = [
      ...[...modules.values()].map(({ place, content }) => ({ path: place, content })),
      ...inTree.map(({ path: file, content }) => ({ path: `${tree}/${file}`, content })),
      { path: `${tree}/modules.dep`, content: Buffer.from(dependencies), prepend: true },
      { path: guestPaths.parameters, content: Buffer.from(options) },
      { path: `${tree}/modules.alias`, content: Buffer.from(aliases), prepend: true },
    ].filter(({ content }) => content.length > 0)
  }

  /** The folder that modprobe searches in guests. */
  get #treeInGuest(): string {
    return `/lib/modules/${this.#kernel.release}`
  }

  /** What a tool says of the modules' sources, a line each. @throws as {@link checkModules} */
  async checked(tool: Checker): Promise<string[]> {
    return await checkModules(this.#kernel, this.#folders, {
      tool,
      progress: { ...this.#progress, note() {} },
    })
  }

  /** The user's programs of this machine, those of the kernel's own tests, with their libraries, and files. */
  get copies(): readonly HostItem[] {
    return this.#copies
  }

  /**
   * Finds the user's programs with their libraries, and the files; builds those of the kernel's own tests.
   * @param root paths and globs in the settings are relative to it
   * @throws UsageError that names what does not exist
   */
  async findCopies(
    { image, files, kselftests: names, mirror }: Pick<Settings, 'image' | 'files' | 'kselftests' | 'mirror'>,
    root: string,
  ): Promise<void> {
    const built = await kselftests(this.#kernel, names, { progress: this.#progress, mirror })
    const tests = built.map(({ name, file }) => ({ place: `${guestPaths.kselftests}/${name}`, source: file }))
    const programs = (await projectPrograms(image.programs, root, tests)).flatMap((file): HostItem[] => {
      const place = Buffer.from(file.place)
      if ('source' in file) return itemsOf(Buffer.from(file.source), place)
      return [{ type: 'link', place, source: place, target: Buffer.from(file.target) }]
    })
    this.#copies = [...programs, ...files.flatMap(glob => filesOf(glob, root))]
  }

  /** @param bundle makes the package; given where kernels share one */
  async bundlePackage(bundle = bundleGuestPackage): Promise<void> {
    this.#package = await bundle()
  }
}

/** @throws UsageError that names the setting of a folder that does not exist, or is there twice */
function requireFolders(folders: readonly ModuleFolder[]): void {
  const setting = (index: number) => `modules${folders.length > 1 ? `.${index}` : ''}`
  for (const [index, folder] of folders.entries()) {
    if (!existsSync(folder.dir))
      throw new UsageError(`${settingsFile}: ${setting(index)}: there is no folder ${folder.dir}`)
    const first = folders.findIndex(each => isDeepStrictEqual(each, folder))
    if (first < index)
      throw new UsageError(
        `${settingsFile}: ${setting(first)} and ${setting(index)} are the same, ${folder.dir}: leave one out`,
      )
  }
}

/** @param lines of modules.alias: "alias NAME MODULE" */
function aliasesIn(lines: string): ReadonlyMap<string, string> {
  return new Map(
    lines.split('\n').flatMap(line => {
      const [, alias, module] = line.split(' ')
      return alias && module ? [[alias.replaceAll('-', '_'), module] as const] : []
    }),
  )
}
