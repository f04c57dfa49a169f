// SPDX-License-Identifier: MIT
import path from 'node:path'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import type { KernelDescription } from '../entry.ts'
import { type Files, filesBelow } from '../files.ts'
import { filesForModules } from '../for-modules.ts'
import type { Kernel } from '../kernel.ts'

/** The contents of a pack. */
export interface Contents extends Files {
  readonly kernel: KernelDescription
}

/**
 * All that is needed to run a kernel and to build modules for it: the whole cache entry of a kernel, or of a
 * user's tree what building modules needs.
 */
export async function contentsOf(kernel: Kernel): Promise<Contents> {
  const entry = path.join(cacheRoot(), 'kernels', kernel.id)
  const inEntry = (file: string | undefined) => file === undefined || isBelow(entry, file)
  const { build, image, config, moduleTree, systemMap, vmlinux } = kernel
  const whole = [image, config, moduleTree, systemMap, vmlinux, build.source, build.output].every(inEntry)
  return whole ? await wholeEntry(kernel, entry) : await partsOfTree(kernel)
}

async function wholeEntry(kernel: Kernel, entry: string): Promise<Contents> {
  // Without documentation, and without the description, which is written anew when the pack is unpacked.
  const contents = await filesBelow([
    { at: '', folder: entry, keep: name => !/^(usr\/share\/|kernel\.json$)/.test(name) },
  ])
  return { ...contents, kernel: describe(kernel, file => path.relative(entry, file)) }
}

async function partsOfTree(kernel: Kernel): Promise<Contents> {
  const { source, output } = kernel.build
  const apart = source !== output
  const roots = filesForModules(source, output)
  if (kernel.moduleTree !== undefined)
    roots.push({ at: 'modules', folder: kernel.moduleTree, keep: () => true })
  const collected = await filesBelow(roots)
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
  const { release, origin, moduleTree, systemMap, vmlinux, build, packed } = kernel
  return {
    release,
    origin,
    ...(packed && { packed }),
    image: place(kernel.image),
    ...(moduleTree === undefined ? {} : { moduleTree: place(moduleTree) }),
    ...(systemMap === undefined ? {} : { systemMap: place(systemMap) }),
    ...(vmlinux === undefined ? {} : { vmlinux: place(vmlinux) }),
    config: place(kernel.config),
    source: place(build.source),
    output: place(build.output),
    variables: [...build.variables],
  }
}

function isBelow(folder: string, file: string): boolean {
  return file.startsWith(folder + path.sep)
}
