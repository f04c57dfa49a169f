import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { MachineryError, messageOf, UsageError } from '../harness/base/errors.ts'
import { runToolOrFail } from '../harness/base/process.ts'
import { requireTool, ToolMissing } from '../harness/base/tools.ts'
import { moduleInfo } from './modinfo.ts'

/** The kernel as far as its own modules go. */
export interface ModuleSource {
  readonly label: string
  /** What `uname -r` says in it. */
  readonly release: string
  /** Its `lib/modules/RELEASE`, with .ko, .ko.xz ... below; undefined where all is built in. */
  readonly moduleTree: string | undefined
  /** Where it was built; only the list of built-in modules is looked for there. */
  readonly build: { readonly output: string }
}

/** The drivers that the guest cannot do without. */
const drivers = ['virtio_pci', 'virtio_console']

/**
 * What people who work on netlink want to have: virtual links, the monitor of netlink traffic, and what tells of
 * sockets. Some 500 kB of an image with all that they need. A kernel that lacks one has it built in, or not at all.
 */
const usual = [
  ...['dummy', 'veth', 'ifb', '8021q', 'nlmon'],
  ...['netlink_diag', 'unix_diag', 'af_packet_diag', 'inet_diag', 'tcp_diag', 'udp_diag'],
  'nfnetlink',
]

/** A module as it goes into the image. */
interface Module {
  /** Below `lib/modules/RELEASE`, not compressed: `kernel/drivers/net/veth.ko`. */
  readonly place: string
  readonly content: Buffer
  readonly aliases: readonly string[]
  /** Names of all that must be loaded before, each after those that it needs itself. */
  readonly needs: readonly string[]
}

/** In-tree modules, and what modprobe and init read beside them. Paths are below `lib/modules/RELEASE`. */
export interface KernelModules {
  readonly files: readonly { readonly path: string; readonly content: Buffer }[]
  /** Paths of the drivers to be loaded at boot, in this order. */
  readonly drivers: readonly string[]
}

/**
 * The kernel's own modules that go into its image, with all that they need, modules.dep and modules.alias: what
 * they need and which names they answer to they say themselves, for nobody has run depmod for a kernel that is not installed.
 * @param wanted modules beside the usual ones, spelled with - or _
 * @throws UsageError that names a wanted module that the kernel does not have
 */
export async function kernelModules(kernel: ModuleSource, wanted: readonly string[]): Promise<KernelModules> {
  const files = moduleFiles(kernel.moduleTree)
  const builtIn = builtInList(kernel)
  const missing = wanted.find(name => !files.has(canonical(name)) && !isIn(builtIn, name))
  if (missing !== undefined && builtIn !== undefined)
    throw new UsageError(
      `image.modules: ${kernel.label} (${kernel.release}) has no module ${missing}, neither to load nor built in`,
    )

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
      // that modprobe is content with what needs no loading
      ...(builtIn === undefined ? [] : [{ path: 'modules.builtin', content: Buffer.from(builtIn) }]),
      ...[...modules.values()].map(({ place, content }) => ({ path: place, content })),
    ],
    drivers: [...needed],
  }
}

/** A module that is not the kernel's own, where it lies in guests. */
export interface ForeignModule {
  /** An absolute path. */
  readonly place: string
  readonly content: Buffer
}

/** What modprobe has to know of modules that are not the kernel's own. */
export interface ModuleIndex {
  /** Lines for modules.dep and modules.alias, to stand before the kernel's. */
  readonly dependencies: string
  readonly aliases: string
  /** The kernel's own modules that they need, by paths below `lib/modules/RELEASE`. */
  readonly inTree: readonly { readonly path: string; readonly content: Buffer }[]
  /** By its name, the places of all that must be loaded before a module, in this order. */
  readonly needs: ReadonlyMap<string, readonly string[]>
  /** By its name, what a module needs and nobody has. */
  readonly missing: ReadonlyMap<string, readonly string[]>
}

/**
 * What modules that were built for a kernel need, and which names they answer to: modpost has written both into them.
 * @param foreign by their names as the kernel has them
 */
export async function moduleIndex(
  kernel: Pick<ModuleSource, 'moduleTree'>,
  foreign: ReadonlyMap<string, ForeignModule>,
): Promise<ModuleIndex> {
  const files = new Map(moduleFiles(kernel.moduleTree))
  // One of the same name takes the place of the kernel's.
  for (const name of foreign.keys()) files.delete(name)
  const { modules, add, missing } = collector(kernel.moduleTree, files, foreign)
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
 * One of the kernel's own modules with what it needs, in the order of loading, by paths below `lib/modules/RELEASE`; none where it
 * is built in.
 * @returns undefined where the kernel does not have it
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

/** Collects modules with what they need: the kernel's own by their files, and foreign ones. */
function collector(
  moduleTree: string | undefined,
  files: ReadonlyMap<string, string>,
  foreign: ReadonlyMap<string, ForeignModule> = new Map(),
) {
  const modules = new Map<string, Module>()
  const missing = new Map<string, string[]>()
  const read = async (name: string): Promise<ForeignModule | undefined> => {
    const file = files.get(name)
    if (file === undefined || moduleTree === undefined) return foreign.get(name)
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
    for (const need of (info.get('depends') ?? []).flatMap(list => list.split(',')).filter(Boolean)) {
      const module = await add(canonical(need))
      for (const further of module?.needs ?? []) needs.add(further)
      if (module) needs.add(canonical(need))
      else missing.set(name, [...(missing.get(name) ?? []), need])
    }
    const module = { ...found, aliases: info.get('alias') ?? [], needs: [...needs] }
    modules.set(name, module)
    return module
  }
  return { modules, add, missing }
}

/** File and module names differ in these two; the kernel always says _. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

/** The files of a tree by the names of their modules. */
function moduleFiles(moduleTree: string | undefined): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  if (moduleTree === undefined) return files
  for (const file of readdirSync(moduleTree, { recursive: true, encoding: 'utf8' })) {
    const name = /([^/]+)\.ko(\.xz|\.gz|\.zst)?$/.exec(file)?.[1]
    if (name) files.set(canonical(name), file)
  }
  return files
}

/** modules.builtin, a path a line; undefined where there is none. */
function builtInList({ moduleTree, build }: ModuleSource): string | undefined {
  const file = [moduleTree, build.output]
    .map(folder => path.join(folder ?? '', 'modules.builtin'))
    .find(file => path.isAbsolute(file) && existsSync(file))
  return file === undefined ? undefined : readFileSync(file, 'utf8')
}

function isIn(list: string | undefined, name: string): boolean {
  return (list ?? '').split('\n').some(line => canonical(path.basename(line, '.ko')) === canonical(name))
}

function placesOf(names: readonly string[], modules: ReadonlyMap<string, Module>): string[] {
  return names.flatMap(name => modules.get(name)?.place ?? [])
}

/** As depmod writes it: what is to be loaded first stands last. */
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
  // The status is that of base64, which does not know whether it got all.
  const script = '{ xz -dc "$1" || echo "status $?" >&2; } | base64 -w0'
  const { stdout, stderr } = await runToolOrFail('sh', ['-c', script, 'sh', file], { timeout: 30_000 })
  if (stderr !== '') throw new Error(stderr)
  return Buffer.from(stdout, 'base64')
}
