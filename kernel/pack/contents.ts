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
 * What the kernel's own scripts/package/install-extmod-build takes: Makefiles, headers, generated headers, scripts and
 * the programs among them, objtool, Module.symvers.
 */
async function partsOfTree(kernel: Kernel): Promise<Contents> {
  const { source, output } = kernel.build
  const apart = source !== output
  const headers = /^(include|arch\/x86\/include|scripts)\//
  const makefiles = /^(arch\/x86\/|)(Makefile[^/]*|Kbuild|Kconfig|Kbuild\.platforms)$/
  const junk = /\.(o|a|o\.d|cmd|order|ko|mod)$|(^|\/)\.[^/]*\.(cmd|d|tmp)$/
  const built =
    /^(include|arch\/x86\/include\/generated|scripts)\/|^tools\/objtool\/objtool$|^(Module\.symvers|\.config|Makefile|modules\.builtin)$/
  const roots: Root[] = [
    {
      at: apart ? 'source' : 'build',
      folder: source,
      enter: /^(include|scripts|arch|arch\/x86|arch\/x86\/include|tools|tools\/objtool)(\/|$)/,
      keep: name =>
        (headers.test(name) || makefiles.test(name) || (!apart && built.test(name))) && !junk.test(name),
    },
  ]
  if (apart)
    roots.push({
      at: 'build',
      folder: output,
      enter: /^(include|scripts|arch|arch\/x86|arch\/x86\/include|tools|tools\/objtool)(\/|$)/,
      keep: name => built.test(name) && !junk.test(name),
    })
  const { moduleTree, systemMap } = kernel
  if (moduleTree !== undefined) roots.push({ at: 'modules', folder: moduleTree, keep: () => true })
  const collected = await collect(roots)
  const files = new Map(collected.files)
  const add = (at: string, file: string) => files.set(at, { file, executable: false })
  add('image', kernel.image)
  add('config', kernel.config)
  if (systemMap !== undefined) add('System.map', systemMap)
  if (kernel.vmlinux !== undefined) add('vmlinux', kernel.vmlinux)
  const description = describe(kernel, file => {
    if (file === kernel.image) return 'image'
    if (file === kernel.config) return 'config'
    if (file === systemMap) return 'System.map'
    if (file === kernel.vmlinux) return 'vmlinux'
    if (file === moduleTree) return 'modules'
    return file === source && apart ? 'source' : 'build'
  })
  return { kernel: description, files, links: collected.links }
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
