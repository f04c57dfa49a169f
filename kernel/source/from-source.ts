// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { contentKey, discard, locked } from '../../harness/base/cache.ts'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import { withAllCores } from '../../harness/base/cores.ts'
import { MachineryError, UsageError } from '../../harness/base/errors.ts'
import { runToolOrFail } from '../../harness/base/process.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { type Archive, openArchive } from '../debian/archive.ts'
import type { Package, Resolution } from '../debian/packages.ts'
import { sourcePackages } from '../debian/packages.ts'
import { fetchWhole } from '../debian/prebuilt.ts'
import { type ResolvedOptions, withResolution } from '../debian/resolved.ts'
import { cachedKernel, writeDescription } from '../entry.ts'
import type { Kernel } from '../kernel.ts'
import { formatOptions, type Option } from '../options.ts'
import { configure, wantedOptions } from './configure.ts'
import { extraction, extractSource, kernelPart } from './extract.ts'
import { keepForModules } from './keep.ts'
import { type Flavour, type SourceLabel, sourceLabel, sourceLabels } from './labels.ts'
import { makeOrFail } from './make.ts'
import { checkedMemoryFunctions, checkMemoryFunctions } from './memory-functions.ts'
import { Tally } from './tally.ts'
import { compilerVersion, requireBuildTools } from './tools.ts'

export interface SourceOptions extends ResolvedOptions {
  /** The address of a mirror of Debian's main archive, in place of the machine's own. */
  readonly mirror?: string | undefined
  /** Opens the archive; tests replace it. */
  readonly archive?: () => Promise<Archive>
  /** Checks that this machine can build a kernel; tests replace it. */
  readonly checkTools?: (label: string) => Promise<void>
}

/** Changes when the build of the same source and options does. */
const recipe = '1'

/** Turns off the warnings that kbuild turns on. */
const withoutWarnings = [
  ...['all', 'extra', 'error', 'undef', 'unused', 'missing-declarations', 'missing-prototypes'],
  ...[
    'cast-function-type',
    'enum-conversion',
    'implicit-fallthrough',
    'vla-larger-than',
    'frame-larger-than',
  ],
]

/**
 * Compiler flags for a quicker build (docs/measurements.md, Building kernels): no tracking of macro
 * expansions, no warnings (with -w alone they are still computed), and without slow optimizations that gain
 * little. -ftree-vrp, -fgcse and -fipa-cp must stay: they remove unreachable code, which calls functions that
 * do not exist.
 */
const compilerFlags = [
  ...['-w', ...withoutWarnings.map(name => `-Wno-${name}`)],
  ...['-ftrack-macro-expansion=0', '-fno-expensive-optimizations', '-fno-rerun-cse-after-loop'],
  ...[
    '-fno-tree-pre',
    '-fno-tree-sink',
    '-fno-tree-loop-im',
    '-fno-ivopts',
    '-fno-code-hoisting',
    '-fno-ipa-icf',
  ],
].join(' ')

/**
 * With -Os gcc copies memory by `rep movsb`, which emulation runs byte by byte; the library functions copy
 * words (docs/measurements.md, Building kernels). Not in debug kernels, where KASAN has functions of its own.
 */
const copyFlags: Readonly<Record<Flavour, string>> = { minimal: '-mstringop-strategy=libcall', debug: '' }

/**
 * Make variables beside the flags. Minimal kernels and their modules are built without objtool, for which
 * x86-64 has no option. Only static calls would need it here, and without its list they use their
 * trampolines. Debug kernels keep it, because KASAN without it is untested.
 */
const makeVariables: Readonly<Record<Flavour, readonly string[]>> = {
  minimal: ['CONFIG_OBJTOOL='],
  debug: [],
}

function flagsFor(flavour: Flavour): string {
  return `${compilerFlags} ${copyFlags[flavour]}`.trim()
}

/**
 * The bootable file below the tree. QEMU enters the ELF file by its PVH note, without compression at the
 * build and decompression at each boot. Not with KASAN: the PVH entry calls memcmp, which reads shadow memory
 * that is not mapped yet, and the guest ends in a triple fault (6.12).
 */
const images: Readonly<Record<Flavour, string>> = { minimal: 'vmlinux', debug: 'arch/x86/boot/bzImage' }

/**
 * A kernel built from the source of a Debian package (with Debian's patches) with the options of the
 * fragments here. The cache key is source, options and compiler.
 */
export async function kernelFromSource(label: string, options: SourceOptions): Promise<Kernel> {
  const wanted = sourceLabel(label)
  if (!wanted) throw new UsageError(`${label} is not a kernel from source`)
  let opened: Promise<Archive> | undefined
  const archive = () => {
    opened ??= (options.archive ?? (() => openArchive(options)))()
    return opened
  }
  async function* available(): AsyncGenerator<Resolution> {
    yield* resolveSource(label, wanted, await archive())
  }
  return await withResolution(sourceName(wanted), options, available, resolution =>
    provide(label, wanted, resolution, archive, options),
  )
}

/** The name under which the source's version is remembered: kernels of a series share it. */
export function sourceName({ series }: Pick<SourceLabel, 'series'>): string {
  return `linux-source-${series}`
}

/** `uname -r` of a kernel that is built from this version of the source. */
export function releaseOf(upstream: string, { flavour }: Pick<SourceLabel, 'flavour'>): string {
  return `${upstream}-${flavour}`
}

async function* resolveSource(
  label: string,
  wanted: SourceLabel | undefined,
  archive: Archive,
): AsyncGenerator<Resolution> {
  for (const suites of wanted?.groups ?? []) {
    const found = sourcePackages(await archive.index(suites), wanted?.series ?? '')
    yield* found
    if (found.length > 0) return
  }
  throw new UsageError(
    `no source for ${label} in Debian's archive: ${wanted?.groups.flat().join(', ')} have no such series. Choose one of ${sourceLabels.join(', ')}`,
  )
}

async function provide(
  label: string,
  wanted: SourceLabel,
  resolution: Resolution,
  archive: () => Promise<Archive>,
  { progress, checkTools = requireBuildTools }: SourceOptions,
): Promise<Kernel> {
  const [source] = resolution.packages
  if (!source) throw new MachineryError(`nothing is known of the source of ${label}: run it with --update`)
  const options = await wantedOptions(wanted.flavour, wanted.series)
  const key = contentKey([
    recipe,
    extraction(wanted),
    flagsFor(wanted.flavour),
    ...makeVariables[wanted.flavour],
    images[wanted.flavour],
    ...(wanted.flavour === 'debug' ? [checkedMemoryFunctions] : []),
    `${source.name} ${source.version} ${source.sha256}`,
    formatOptions(options),
    await compilerVersion(),
  ])
  // Unlike the entry's draft, this folder survives an interruption: the next run continues in it.
  const work = path.join(cacheRoot(), 'builds', key)
  const kernel = await cachedKernel(label, key, progress, draft =>
    locked(`builds-${key}`, async () => {
      await checkTools(label)
      await mkdir(work, { recursive: true })
      const tree = await sourceTree(work, wanted, source, resolution.release, archive, progress)
      await build(tree, label, wanted, options, resolution.release, progress)
      await collect(tree, draft, label, wanted, source)
    }),
  )
  if (existsSync(work)) await discard('builds', key)
  return kernel
}

/** The unpacked source below `work`, fetched if it is missing. */
async function sourceTree(
  work: string,
  wanted: SourceLabel,
  source: Package,
  version: string,
  archive: () => Promise<Archive>,
  progress: Progress,
): Promise<string> {
  const tree = path.join(work, 'linux')
  if (existsSync(tree)) {
    progress.note(`going on with the build of Linux ${version} that was interrupted`)
    return tree
  }
  const deb = await progress.step(
    `fetch the source of Linux ${version} (${Math.round(source.size / 1e6)} MB)`,
    async () => fetchWhole(source, work, await archive(), progress),
  )
  try {
    await progress.step(`unpack the source of Linux ${version}`, () =>
      extractSource(deb, wanted.series, tree, kernelPart(wanted)),
    )
  } catch (error) {
    // Half a tree is useless, and takes room on a full disk.
    await rm(work, { recursive: true, force: true })
    throw error
  }
  await rm(deb)
  return tree
}

async function build(
  tree: string,
  label: string,
  wanted: SourceLabel,
  options: readonly Option[],
  version: string,
  progress: Progress,
): Promise<void> {
  const name = `Linux ${version} as ${label}`
  if (wanted.flavour === 'debug') await checkMemoryFunctions(tree)
  await progress.step(`configure ${name}`, () => configure(tree, options, name))
  const targets = [path.basename(images[wanted.flavour]), 'modules', 'modules_prepare']
  // -pipe makes the build quicker; it does not change the objects, so it is not in the key.
  const args = [`KCFLAGS=${flagsFor(wanted.flavour)} -pipe`, ...makeVariables[wanted.flavour], ...targets]
  await withAllCores(async () => {
    const tally = new Tally(wanted, await objectsThere(tree))
    progress.note(
      `${name} is built from source, which is done once: about ${tally.estimate(availableParallelism())}`,
    )
    await progress.step(`build ${name}`, update =>
      makeOrFail(tree, args, `the build of ${name}`, line => {
        const status = tally.line(line)
        if (status !== undefined) update(status)
      }),
    )
  })
}

/** How many objects an interrupted build has left: kbuild writes a .cmd file after each complete one. */
async function objectsThere(tree: string): Promise<number> {
  const files = await readdir(tree, { recursive: true })
  return files.filter(name => name.endsWith('.o.cmd')).length
}

/** Copies the parts to keep into the cache entry. */
async function collect(
  tree: string,
  draft: string,
  label: string,
  { flavour }: SourceLabel,
  source: Package,
): Promise<void> {
  const release = (await readFile(path.join(tree, 'include/config/kernel.release'), 'utf8')).trim()
  await keepForModules(tree, draft)
  const debug = flavour === 'debug'
  const image = path.join(draft, path.basename(images[flavour]))
  if (debug) {
    await copyFile(path.join(tree, images.debug), image)
    await copyFile(path.join(tree, 'vmlinux'), path.join(draft, 'vmlinux'))
  } else await runToolOrFail('strip', ['-o', image, path.join(tree, images.minimal)], { timeout: 120_000 })
  await writeDescription(draft, {
    release,
    origin: `built for ${label} from Debian's ${source.name} ${source.version} (${source.suite})`,
    image: path.basename(image),
    systemMap: 'build/System.map',
    config: 'build/.config',
    source: 'build',
    output: 'build',
    variables: [...makeVariables[flavour]],
    ...(debug && { vmlinux: 'vmlinux' }),
  })
}
