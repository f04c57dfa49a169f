import { readdir, readlink, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { cacheRoot } from '../../harness/cache.ts'
import { isErrno } from '../../harness/errors.ts'
import type { KernelDescription } from '../entry.ts'
import type { Kernel } from '../kernel.ts'

/** What a pack is made of: places in it, and where on this machine their contents are. */
export interface Contents {
  readonly kernel: KernelDescription
  /** Regular files: by place, the file to read. */
  readonly files: ReadonlyMap<string, { readonly file: string; readonly executable: boolean }>
  /** Links by place, and where they point, relative to their folder. */
  readonly links: ReadonlyMap<string, string>
}

/**
 * All that running a kernel and building modules for it needs. A kernel that lies in one cache entry is taken as it
 * is there; of a tree of the user's, what modules are built with.
 */
export async function contentsOf(kernel: Kernel): Promise<Contents> {
  const entry = path.join(cacheRoot(), 'kernels', kernel.id)
  const inEntry = (file: string | undefined) => file === undefined || isBelow(entry, file)
  const { build, image, config, moduleTree, systemMap, vmlinux } = kernel
  const whole = [image, config, moduleTree, systemMap, vmlinux, build.source, build.output].every(inEntry)
  return whole ? await wholeEntry(kernel, entry) : await partsOfTree(kernel)
}

async function wholeEntry(kernel: Kernel, entry: string): Promise<Contents> {
  // Documentation, and a description that whoever unpacks it writes anew.
  const contents = await collect([
    { at: '', folder: entry, keep: name => !/^(usr\/share\/|kernel\.json$)/.test(name) },
  ])
  return { ...contents, kernel: describe(kernel, file => path.relative(entry, file)) }
}

/**
 * What modules are built with, as the kernel's own scripts/package/install-extmod-build picks it: of the source the
 * Makefiles, headers and scripts, of the build the generated headers, programs, and what it exports.
 */
const forModules = {
  folders: /^(include|scripts|arch|arch\/x86|arch\/x86\/include|tools|tools\/objtool)(\/|$)/,
  source: /^(include|arch\/x86\/include|scripts)\/|^(arch\/x86\/)?(Makefile[^/]*|Kbuild|Kconfig)$/,
  build:
    /^(include|arch\/x86\/include\/generated|scripts)\/|^tools\/objtool\/objtool$|^(Module\.symvers|\.config|Makefile|modules\.builtin)$/,
  /** What the build has left for itself: objects, dependencies, a marker for each option. */
  not: /\.(o|a|cmd|order|ko|mod)$|(^|\/)\.[^/]*\.(cmd|d|tmp)$|^include\/dt-bindings\/|^include\/config\/(?!auto\.conf$|kernel\.release$)/,
} as const

async function partsOfTree(kernel: Kernel): Promise<Contents> {
  const { source, output } = kernel.build
  const apart = source !== output
  const { folders, not } = forModules
  const sources = (name: string) => forModules.source.test(name) && !not.test(name)
  const builds = (name: string) => forModules.build.test(name) && !not.test(name)
  const roots: Root[] = apart
    ? [
        { at: 'source', folder: source, enter: folders, keep: sources },
        { at: 'build', folder: output, enter: folders, keep: builds },
      ]
    : [{ at: 'build', folder: output, enter: folders, keep: name => sources(name) || builds(name) }]
  if (kernel.moduleTree !== undefined)
    roots.push({ at: 'modules', folder: kernel.moduleTree, keep: () => true })
  const collected = await collect(roots)
  const files = new Map(collected.files)
  const named: [place: string, file: string | undefined][] = [
    ['image', kernel.image],
    ['config', kernel.config],
    ['System.map', kernel.systemMap],
    ['vmlinux', kernel.vmlinux],
  ]
  for (const [at, file] of named) if (file !== undefined) files.set(at, { file, executable: false })
  const places = new Map([
    ...named.map(([at, file]): [string | undefined, string] => [file, at]),
    [kernel.moduleTree, 'modules'],
    [source, apart ? 'source' : 'build'],
    [output, 'build'],
  ])
  return { kernel: describe(kernel, file => places.get(file) ?? ''), files, links: collected.links }
}

function describe(kernel: Kernel, place: (file: string) => string): KernelDescription {
  const { release, origin, moduleTree, systemMap, vmlinux, needs, build } = kernel
  return {
    release,
    origin,
    image: place(kernel.image),
    ...(moduleTree === undefined ? {} : { moduleTree: place(moduleTree) }),
    ...(systemMap === undefined ? {} : { systemMap: place(systemMap) }),
    ...(vmlinux === undefined ? {} : { vmlinux: place(vmlinux) }),
    ...needs,
    config: place(kernel.config),
    source: place(build.source),
    output: place(build.output),
    variables: [...build.variables],
  }
}

interface Root {
  /** Where its files go in the pack; empty for the top. */
  readonly at: string
  readonly folder: string
  /** By paths below the folder. */
  readonly keep: (name: string) => boolean
  /** The folders to look into; all where it is not given. */
  readonly enter?: RegExp
}

async function collect(roots: readonly Root[]): Promise<Omit<Contents, 'kernel'>> {
  const files = new Map<string, { file: string; executable: boolean }>()
  const links: { at: string; file: string }[] = []
  for (const { at, folder, keep, enter } of roots) {
    const walk = async (below: string): Promise<void> => {
      for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
        const name = path.posix.join(below, entry.name)
        if (entry.isDirectory()) {
          if (enter === undefined || enter.test(name)) await walk(name)
        } else if (keep(name)) {
          const file = path.join(folder, name)
          const place = path.posix.join(at, name)
          if (entry.isSymbolicLink()) links.push({ at: place, file })
          else if (entry.isFile())
            files.set(place, { file, executable: ((await stat(file)).mode & 0o100) !== 0 })
        }
      }
    }
    await walk('')
  }
  return { files, links: await linksInside(links, files) }
}

/** Links whose targets are in the pack as well; the others lead to where nothing is (lib/modules/RELEASE/build). */
async function linksInside(
  links: readonly { at: string; file: string }[],
  files: ReadonlyMap<string, { file: string }>,
): Promise<Map<string, string>> {
  const known = new Set<string>()
  for (const { file } of files.values())
    for (let at = file; !known.has(at) && at !== path.dirname(at); at = path.dirname(at)) known.add(at)
  const kept = new Map<string, string>()
  for (const { at, file } of links) {
    const target = await readlink(file)
    if (path.isAbsolute(target)) continue
    const real = await realpath(file).catch(error => {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ELOOP')) return undefined
      throw error
    })
    if (real !== undefined && known.has(real)) kept.set(at, target)
  }
  return kept
}

function isBelow(folder: string, file: string): boolean {
  return file.startsWith(folder + path.sep)
}
