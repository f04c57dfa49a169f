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

  const modules = new Map<string, Module>()
  const add = async (name: string): Promise<Module | undefined> => {
    const file = files.get(name)
    const added = modules.get(name)
    if (file === undefined || kernel.moduleTree === undefined || added) return added
    const content = await readModule(path.join(kernel.moduleTree, file))
    const info = infoOf(file, content)
    const needs = new Set<string>()
    for (const need of (info.get('depends') ?? []).flatMap(list => list.split(',')).filter(Boolean)) {
      for (const further of (await add(canonical(need)))?.needs ?? []) needs.add(further)
      if (files.has(canonical(need))) needs.add(canonical(need))
    }
    const place = file.replace(/\.ko\.\w+$/, '.ko')
    const module = { place, content, aliases: info.get('alias') ?? [], needs: [...needs] }
    modules.set(name, module)
    return module
  }
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
