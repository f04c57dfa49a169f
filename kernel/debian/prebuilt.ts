// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { contentKey } from '../../harness/base/cache.ts'
import { MachineryError, UsageError } from '../../harness/base/errors.ts'
import { lastLines, runTool } from '../../harness/base/process.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { buildVariables } from '../build/build-variables.ts'
import { cachedKernel, type KernelDescription, writeDescription } from '../entry.ts'
import type { Kernel } from '../kernel.ts'
import { type Archive, CorruptPackage, openArchive } from './archive.ts'
import {
  candidates,
  type IndexedPackage,
  isLibrary,
  needsLibraries,
  type Package,
  type Resolution,
  withLibraries,
} from './packages.ts'
import { librariesFolder, wrapKbuildTools } from './private-libc.ts'
import { type ResolvedOptions, withResolution } from './resolved.ts'
import { debianLabels, fullLabels, librariesOf, seriesOf } from './series.ts'

export interface PrebuiltOptions extends ResolvedOptions {
  /** The address of a mirror of Debian's main archive, in place of the machine's own. */
  readonly mirror?: string | undefined
  /** Opens the archive; tests replace it. */
  readonly archive?: () => Promise<Archive>
}

/** Changes when the entry's layout does, so that older entries are not used. */
const layout = '1'

/** A prebuilt Debian kernel, for cloud machines or for all, unpacked below the cache and never installed. */
export async function prebuiltKernel(label: string, options: PrebuiltOptions): Promise<Kernel> {
  if (!seriesOf(label)) throw new UsageError(`${label} is not a prebuilt kernel`)
  // Opened only for a fetch: even reading apt's configuration is slow.
  let opened: Promise<Archive> | undefined
  const archive = () => {
    opened ??= (options.archive ?? (() => openArchive(options)))()
    return opened
  }
  async function* available(): AsyncGenerator<Resolution> {
    yield* resolve(label, await archive())
  }
  return await withResolution(label, options, available, resolution =>
    provide(label, resolution, archive, options.progress),
  )
}

/** The verified kernel of exactly these packages, from the cache or made in it. */
async function provide(
  label: string,
  resolution: Resolution,
  archive: () => Promise<Archive>,
  progress: Progress,
): Promise<Kernel> {
  return await cachedKernel(label, keyOf(resolution), progress, async folder =>
    assemble(resolution, folder, await archive(), progress),
  )
}

/**
 * The archive's kernels for a label, newest first.
 * @throws UsageError if there are none
 */
export async function* resolve(label: string, archive: Archive): AsyncGenerator<Resolution> {
  const wanted = seriesOf(label)
  const withoutHeaders: string[] = []
  for (const suites of wanted?.groups ?? []) {
    const index = await archive.index(suites)
    const available = candidates(index, wanted?.series ?? '', wanted?.flavour)
    withoutHeaders.push(...available.withoutHeaders)
    const libraries = new Map<string, readonly IndexedPackage[]>()
    for (const found of available.found) {
      if (!needsLibraries(found, index)) {
        yield found
        continue
      }
      // From the suite in which the tools were linked; its large list is only read when needed.
      const suite = librariesOf(found.packages[0]?.suite ?? '')
      const list = libraries.get(suite) ?? (suites.includes(suite) ? index : await archive.index([suite]))
      libraries.set(suite, list)
      const whole = withLibraries(
        found,
        list.filter(it => it.suite === suite),
      )
      if (whole) yield whole
    }
    if (available.found.length > 0) return
  }
  const why =
    withoutHeaders.length > 0
      ? `it still has ${withoutHeaders.join(', ')}, but not the headers that modules are built with`
      : `${wanted?.groups.flat().join(', ')} have no such series`
  throw new UsageError(
    `no ${label} in Debian's archive: ${why}. Choose one of ${[...debianLabels, ...fullLabels].join(', ')}`,
  )
}

/** The cache key of a kernel: the hashes of all its packages. */
function keyOf(resolution: Resolution): string {
  return contentKey([layout, ...resolution.packages.map(it => `${it.name} ${it.version} ${it.sha256}`)])
}

/** Fetches and unpacks the packages into a cache entry, and describes it. */
async function assemble(
  resolution: Resolution,
  folder: string,
  archive: Archive,
  progress: Progress,
): Promise<void> {
  const debs = path.join(folder, 'debs')
  await mkdir(debs)
  const total = resolution.packages.reduce((sum, it) => sum + it.size, 0)
  const files = await progress.step(
    `fetch Linux ${resolution.release}: ${resolution.packages.length} packages (${megabytes(total)})`,
    async update => {
      const fetched: { wanted: Package; file: string }[] = []
      for (const wanted of resolution.packages) {
        update(`${wanted.name} (${megabytes(wanted.size)})`)
        fetched.push({ wanted, file: await fetchWhole(wanted, debs, archive, progress) })
      }
      return fetched
    },
  )
  await progress.step(`unpack Linux ${resolution.release}`, async update => {
    for (const { wanted, file } of files) {
      update(wanted.name)
      const target = isLibrary(wanted.name) ? path.join(folder, librariesFolder) : folder
      await unpack(wanted, file, target, archive, debs, progress)
    }
    if (files.some(it => isLibrary(it.wanted.name))) await wrapKbuildTools(folder)
    await rm(debs, { recursive: true })
    await writeDescription(folder, await describe(resolution, folder))
  })
}

/** Fetches a package, a second time if it is corrupt. */
export async function fetchWhole(
  wanted: Package,
  debs: string,
  archive: Archive,
  progress: Progress,
): Promise<string> {
  try {
    return await archive.fetch(wanted, debs)
  } catch (error) {
    if (!(error instanceof CorruptPackage)) throw error
    progress.note(`${wanted.name} ${wanted.version} came with wrong contents: fetching it once more`)
    return await archive.fetch(wanted, debs)
  }
}

/** Unpacks a package, which is fetched once more if it is corrupt. */
async function unpack(
  wanted: Package,
  file: string,
  target: string,
  archive: Archive,
  debs: string,
  progress: Progress,
): Promise<void> {
  const run = (deb: string) => runTool('dpkg-deb', ['-x', deb, target], { timeout: 300_000 })
  if ((await run(file)).exitCode === 0) return
  progress.note(`${path.basename(file)} does not unpack: fetching it once more`)
  await rm(file, { force: true })
  const again = await run(await archive.fetch(wanted, debs))
  if (again.exitCode !== 0) throw new CorruptPackage(wanted, lastLines(again.all, 5))
}

async function describe(resolution: Resolution, folder: string): Promise<KernelDescription> {
  const { release } = resolution
  const abi = release.replace(/-(cloud-)?amd64$/, '')
  const there = (...places: string[]) => places.find(it => existsSync(path.join(folder, it)))
  // Up to 6.18 under /boot and /lib (linux-image); later only under /usr/lib/modules, in separate packages.
  const image = there(`boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`)
  const config = there(`boot/config-${release}`, `usr/lib/modules/${release}/config`)
  const moduleTree = there(`lib/modules/${release}`, `usr/lib/modules/${release}`)
  const systemMap = there(`boot/System.map-${release}`, `usr/lib/modules/${release}/System.map`)
  const source = there(`usr/src/linux-headers-${abi}-common`)
  const output = there(`usr/src/linux-headers-${release}`)
  if (!image || !config || !moduleTree || !source || !output)
    throw new MachineryError(
      `the packages of Linux ${release} are laid out in a way that is not known yet: choose another kernel, and report this`,
    )
  const text = await readFile(path.join(folder, config), 'utf8')
  return {
    release,
    origin: originOf(resolution.packages),
    image,
    moduleTree,
    ...(systemMap && (await isRealSystemMap(path.join(folder, systemMap))) && { systemMap }),
    config,
    source,
    output,
    variables: buildVariables(text),
  }
}

/** `Debian linux 6.1.192-2 from bookworm-security (linux-image-..., ...)`. */
export function originOf(packages: readonly Package[]): string {
  const kernels = packages.filter(it => !isLibrary(it.name))
  const sources = new Set(kernels.map(it => `${it.version} from ${it.suite}`))
  return `Debian linux ${[...sources].join(' and ')} (${kernels.map(it => it.name).join(', ')})`
}

/** Debian's System.map is one line that says where the real one is. */
async function isRealSystemMap(file: string): Promise<boolean> {
  await using handle = await open(file)
  const { size } = await handle.stat()
  return size > 4096
}

function megabytes(bytes: number): string {
  return `${Math.max(1, Math.round(bytes / 1e6))} MB`
}
