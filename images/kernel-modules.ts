// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { MachineryError, messageOf, UsageError } from '../harness/base/errors.ts'
import { runToolOrFail } from '../harness/base/process.ts'
import { requireTool, ToolMissing } from '../harness/base/tools.ts'
import { moduleInfo } from './modinfo.ts'

/** The parts of a kernel that concern its own modules. */
export interface ModuleSource {
  readonly label: string
  /** `uname -r` in it. */
  readonly release: string
  /** Its `lib/modules/RELEASE`, with .ko, .ko.xz ... below; undefined if all is built in. */
  readonly moduleTree: string | undefined
  /** Where it was built, for the list of built-in modules. */
  readonly build: { readonly output: string }
}

/** The drivers that a guest needs. */
const drivers = ['virtio_pci', 'virtio_console']

/**
 * Modules for work on netlink: virtual links, the monitor of netlink traffic, and diagnosis of sockets. One
 * that a kernel lacks is built in, or left out.
 */
const usual = [
  ...['dummy', 'veth', 'ifb', '8021q', 'nlmon'],
  ...['netlink_diag', 'unix_diag', 'af_packet_diag', 'inet_diag', 'tcp_diag', 'udp_diag'],
  'nfnetlink',
]

/** A module in an image. */
interface Module {
  /** Its uncompressed path below `lib/modules/RELEASE`: `kernel/drivers/net/veth.ko`. */
  readonly place: string
  readonly content: Buffer
  readonly aliases: readonly string[]
  /** Names of all modules that must be loaded before it, in this order. */
  readonly needs: readonly string[]
}

/** In-tree modules, and the lists that modprobe and init read. Paths are below `lib/modules/RELEASE`. */
export interface KernelModules {
  readonly files: readonly { readonly path: string; readonly content: Buffer }[]
  /** Paths of the drivers to load at boot, in this order. */
  readonly drivers: readonly string[]
}

/**
 * The in-tree modules of an image with their dependencies, modules.dep and modules.alias. Dependencies and
 * aliases come from the modules themselves: depmod has not run for a kernel that is not installed.
 * @param wanted modules beside the usual ones, with - or _ in their names
 * @throws ModulesMissing that names those that the kernel does not have
 */
export async function kernelModules(kernel: ModuleSource, wanted: readonly string[]): Promise<KernelModules> {
  const files = moduleFiles(kernel.moduleTree)
  const builtIn = builtInList(kernel)
  const missing = lacking(wanted, files(), builtIn)
  if (missing.length > 0) throw new ModulesMissing(kernel, missing)

  const { modules, add } = collector(kernel.moduleTree, files)
  const needed = new Set<string>()
  for (const name of drivers) {
    for (const place of placesOf([...((await add(name))?.needs ?? []), name], modules)) needed.add(place)
  }
  for (const name of [...usual, ...wanted]) await add(canonical(name))

  return {
    files: [
      { path: 'modules.dep', content: Buffer.from(dependencyLines(modules)) },
      { path: 'modules.alias', content: Buffer.from(aliasLines(modules)) },
      // so that modprobe accepts built-in ones
      ...(builtIn === undefined ? [] : [{ path: 'modules.builtin', content: Buffer.from(builtIn) }]),
      ...[...modules.values()].map(({ place, content }) => ({ path: place, content })),
    ],
    drivers: [...needed],
  }
}

/** Names of modules of a project's configuration that a kernel does not have. */
export class ModulesMissing extends UsageError {
  readonly names: readonly string[]

  /** @param hint where else they may be */
  constructor(
    { label, release }: Pick<ModuleSource, 'label' | 'release'>,
    names: readonly string[],
    hint = '',
  ) {
    super(
      `image.modules: ${label} (${release}) has no module ${names.join(', ')}, neither to load nor built in: correct the name, or write { name: '${names[0]}', optional: true } for kernels without it${hint}`,
    )
    this.names = names
  }
}

/** Which of these modules a kernel does not have; none if it does not say what is built in. */
export function lackingModules(kernel: ModuleSource, wanted: readonly string[]): string[] {
  return wanted.length === 0 ? [] : lacking(wanted, moduleFiles(kernel.moduleTree)(), builtInList(kernel))
}

function lacking(
  wanted: readonly string[],
  files: ReadonlyMap<string, string>,
  builtIn: string | undefined,
): string[] {
  if (builtIn === undefined) return []
  return wanted.filter(name => !files.has(canonical(name)) && !isIn(builtIn, name))
}

/** A module under test, at its place in guests. */
export interface ForeignModule {
  /** An absolute path. */
  readonly place: string
  readonly content: Buffer
}

/** What modprobe must know about modules under test. */
export interface ModuleIndex {
  /** Lines for modules.dep and modules.alias, to be put before the kernel's. */
  readonly dependencies: string
  readonly aliases: string
  /** The in-tree modules that they need, by paths below `lib/modules/RELEASE`. */
  readonly inTree: readonly { readonly path: string; readonly content: Buffer }[]
  /** By module name, the places of all modules that must be loaded before it, in this order. */
  readonly needs: ReadonlyMap<string, readonly string[]>
  /** By module name, its dependencies that do not exist. */
  readonly missing: ReadonlyMap<string, readonly string[]>
}

/**
 * Dependencies and aliases of modules built for a kernel, which modpost has written into them.
 * @param foreign by their names in the kernel
 */
export async function moduleIndex(
  kernel: Pick<ModuleSource, 'moduleTree'>,
  foreign: ReadonlyMap<string, ForeignModule>,
): Promise<ModuleIndex> {
  const { modules, add, missing } = collector(kernel.moduleTree, moduleFiles(kernel.moduleTree), foreign)
  for (const name of foreign.keys()) await add(name)
  const own = new Map([...modules].filter(([name]) => foreign.has(name)))
  const inTree = [...modules].filter(([name]) => !foreign.has(name)).map(([, module]) => module)
  return {
    dependencies: dependencyLines(modules),
    aliases: aliasLines(modules),
    inTree: inTree.map(({ place, content }) => ({ path: place, content })),
    needs: new Map([...own].map(([name, { needs }]) => [name, placesOf(needs, modules)])),
    missing,
  }
}

/**
 * An in-tree module with its dependencies, in the order of loading, by paths below `lib/modules/RELEASE`;
 * empty if it is built in.
 * @returns undefined if the kernel does not have it
 */
export async function treeModule(
  kernel: ModuleSource,
  name: string,
): Promise<readonly { readonly path: string; readonly content: Buffer }[] | undefined> {
  const { modules, add } = collector(kernel.moduleTree, moduleFiles(kernel.moduleTree))
  const module = await add(canonical(name))
  if (!module) return isIn(builtInList(kernel), name) ? [] : undefined
  return [...module.needs, canonical(name)].flatMap(each => {
    const { place, content } = modules.get(each) ?? module
    return { path: place, content }
  })
}

/** Collects modules with their dependencies: in-tree ones by their files, and foreign ones. */
function collector(
  moduleTree: string | undefined,
  files: () => ReadonlyMap<string, string>,
  foreign: ReadonlyMap<string, ForeignModule> = new Map(),
) {
  const modules = new Map<string, Module>()
  const missing = new Map<string, string[]>()
  const underWay = new Set<string>()
  const read = async (name: string): Promise<ForeignModule | undefined> => {
    // A module under test replaces an in-tree one of the same name.
    const own = foreign.get(name)
    if (own) return own
    const file = files().get(name)
    if (file === undefined || moduleTree === undefined) return undefined
    const content = await readModule(path.join(moduleTree, file))
    return { place: file.replace(/\.ko\.\w+$/, '.ko'), content }
  }
  const add = async (name: string): Promise<Module | undefined> => {
    const added = modules.get(name)
    if (added) return added
    const found = await read(name)
    if (!found) return undefined
    const info = infoOf(found.place, found.content)
    const needs = new Set<string>()
    underWay.add(name)
    // busybox's modprobe and depmod (1.35) know nothing of these. One that is not there is done without.
    for (const wish of (info.get('softdep') ?? []).flatMap(before).map(canonical)) {
      // two that wish for each other
      if (underWay.has(wish)) continue
      const module = await add(wish)
      for (const further of module?.needs ?? []) if (further !== name) needs.add(further)
      if (module) needs.add(wish)
    }
    for (const need of (info.get('depends') ?? []).flatMap(list => list.split(',')).filter(Boolean)) {
      const module = await add(canonical(need))
      for (const further of module?.needs ?? []) needs.add(further)
      if (module) needs.add(canonical(need))
      else missing.set(name, [...(missing.get(name) ?? []), need])
    }
    const module = { ...found, aliases: info.get('alias') ?? [], needs: [...needs] }
    underWay.delete(name)
    modules.set(name, module)
    return module
  }
  return { modules, add, missing }
}

/** What is to be loaded before a module: `a` and `b` of MODULE_SOFTDEP("pre: a b post: c"). */
function before(softDependency: string): string[] {
  const [, names = ''] = /\bpre:(.*?)(?:\bpost:|$)/.exec(softDependency) ?? []
  return names.split(/\s+/).filter(Boolean)
}

/** A module's name in the kernel: `-` of file names is `_` there. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

/** A tree's module files, by module name. Lists the tree when first asked: it has thousands of files. */
function moduleFiles(moduleTree: string | undefined): () => ReadonlyMap<string, string> {
  let files: ReadonlyMap<string, string> | undefined
  return () => {
    files ??= listModules(moduleTree)
    return files
  }
}

function listModules(moduleTree: string | undefined): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  if (moduleTree === undefined) return files
  for (const file of readdirSync(moduleTree, { recursive: true, encoding: 'utf8' })) {
    const name = /([^/]+)\.ko(\.xz|\.gz|\.zst)?$/.exec(file)?.[1]
    if (name) files.set(canonical(name), file)
  }
  return files
}

/** modules.builtin, one path per line; undefined if there is none. */
function builtInList({ moduleTree, build }: ModuleSource): string | undefined {
  const file = [moduleTree, build.output]
    .map(folder => path.join(folder ?? '', 'modules.builtin'))
    .find(file => path.isAbsolute(file) && existsSync(file))
  return file === undefined ? undefined : readFileSync(file, 'utf8')
}

function isIn(list: string | undefined, name: string): boolean {
  return (list ?? '')
    .split('\n')
    .some(line => line !== '' && canonical(path.basename(line, '.ko')) === canonical(name))
}

function placesOf(names: readonly string[], modules: ReadonlyMap<string, Module>): string[] {
  return names.flatMap(name => modules.get(name)?.place ?? [])
}

/** modules.dep as depmod writes it: the module to load first comes last. */
function dependencyLines(modules: ReadonlyMap<string, Module>): string {
  return [...modules.values()]
    .map(
      ({ place, needs }) =>
        `${place}:${placesOf([...needs].reverse(), modules)
          .map(need => ` ${need}`)
          .join('')}\n`,
    )
    .join('')
}

function aliasLines(modules: ReadonlyMap<string, Module>): string {
  return [...modules]
    .flatMap(([name, { aliases }]) => aliases.map(alias => `alias ${alias} ${name}\n`))
    .join('')
}

function infoOf(file: string, content: Buffer): ReadonlyMap<string, readonly string[]> {
  try {
    return moduleInfo(content)
  } catch (error) {
    throw new MachineryError(`${file} is no kernel module: ${messageOf(error)}`, { cause: error })
  }
}

async function readModule(file: string): Promise<Buffer> {
  try {
    switch (path.extname(file)) {
      case '.gz':
        return gunzipSync(readFileSync(file))
      case '.zst':
        return zstdDecompressSync(readFileSync(file))
      case '.xz':
        return await unpackXz(file)
      default:
        return readFileSync(file)
    }
  } catch (error) {
    if (error instanceof ToolMissing) throw error
    throw new MachineryError(`${file} is damaged: ${messageOf(error)}`, { cause: error })
  }
}

/** Node has no xz. */
async function unpackXz(file: string): Promise<Buffer> {
  for (const tool of ['xz', 'base64']) requireTool(tool)
  // A pipeline's status is that of base64, which does not notice that xz failed.
  const script = '{ xz -dc "$1" || echo "status $?" >&2; } | base64 -w0'
  const { stdout, stderr } = await runToolOrFail('sh', ['-c', script, 'sh', file], { timeout: 30_000 })
  if (stderr !== '') throw new Error(stderr)
  return Buffer.from(stdout, 'base64')
}
