// SPDX-License-Identifier: MIT
/** Programs of the kernel's own tests (tools/testing/selftests), built from the source of a kernel. */
import { existsSync, globSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { cached, contentKey } from '../../harness/base/cache.ts'
import { MachineryError, UsageError } from '../../harness/base/errors.ts'
import { nearest } from '../../harness/base/nearest.ts'
import { lastLines } from '../../harness/base/process.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { compilerLines } from '../build/compiler-lines.ts'
import { type Archive, openArchive } from '../debian/archive.ts'
import { sourcePackages } from '../debian/packages.ts'
import { fetchWhole } from '../debian/prebuilt.ts'
import { seriesOf } from '../debian/series.ts'
import type { Kernel } from '../kernel.ts'
import { extractSource, kselftestPart } from '../source/extract.ts'
import { sourceLabel } from '../source/labels.ts'
import { make, makeOrFail } from '../source/make.ts'
import { compilerVersion } from '../source/tools.ts'

/** A program as a suite names it, `net/netlink-dumps`, and its file on this machine. */
export interface Kselftest {
  readonly name: string
  readonly file: string
}

export interface KselftestOptions {
  readonly progress: Progress
  /** The address of a mirror of Debian's main archive, in place of the machine's own. */
  readonly mirror?: string | undefined
  /** Opens the archive; tests replace it. */
  readonly archive?: () => Promise<Archive>
}

const folderOfTests = 'tools/testing/selftests'

/**
 * Builds programs of the kernel's own tests from the source that the kernel was built from: that of Debian's
 * linux-source of its version, or the user's tree. Each is built once for a source and compiler.
 * @param names COLLECTION/PROGRAM
 * @throws UsageError for what the source does not have, MachineryError with the compiler's lines for what does
 *   not compile
 */
export async function kselftests(
  kernel: Kernel,
  names: readonly string[],
  options: KselftestOptions,
): Promise<Kselftest[]> {
  if (names.length === 0) return []
  const source = await sourceFor(kernel, options)
  const built: Kselftest[] = []
  for (const name of new Set(names)) built.push(await buildProgram(kernel.label, source, name, options))
  return built
}

/** A kernel's source, as far as its own tests need it. */
interface Source {
  /** Its top. */
  readonly tree: string
  /** Changes with what a collection's programs are built from. */
  keyOf(collection: string): string
}

async function sourceFor(kernel: Kernel, options: KselftestOptions): Promise<Source> {
  const { label, origin } = kernel.packed ?? kernel
  const wanted = seriesOf(label) ?? sourceLabel(label)
  const [, version] = /^(?:Debian linux|built for \S+ from Debian's \S+) (\S+)/.exec(origin) ?? []
  if (wanted === undefined || version === undefined) {
    const tree = kernel.build.source
    if (existsSync(path.join(tree, folderOfTests)))
      return { tree, keyOf: collection => stampOf(tree, collection) }
    throw new UsageError(
      `kselftests: there is no source of ${kernel.label} with ${folderOfTests}: leave them out for this kernel`,
    )
  }
  const key = contentKey(['source', recipe, wanted.series, version])
  const entry = await cached('kselftests', key, draft => fetchSource(draft, label, wanted, version, options))
  return { tree: path.join(entry, 'linux'), keyOf: () => key }
}

/** Of a user's tree, which may change at any time: the times and sizes of sources, as make looks at them. */
function stampOf(tree: string, collection: string): string {
  const top = path.join(tree, folderOfTests)
  const files = globSync(['*.{h,mk}', `${collection}/{Makefile,*.c,*.h}`], { cwd: top }).sort()
  const stamps = files.map(file => {
    const { mtimeMs, size } = statSync(path.join(top, file))
    return `${file} ${mtimeMs} ${size}`
  })
  return contentKey([tree, ...stamps])
}

/** Changes when what is taken from the same source does. */
const recipe = '1'

/** Fetches the source, unpacks what its tests need, and makes the headers that programs include. */
async function fetchSource(
  folder: string,
  label: string,
  { series, groups }: { readonly series: string; readonly groups: readonly (readonly string[])[] },
  version: string,
  { progress, mirror, archive: open = () => openArchive({ progress, mirror }) }: KselftestOptions,
): Promise<void> {
  const archive = await open()
  const found = []
  for (const suites of groups) {
    found.push(...sourcePackages(await archive.index(suites), series))
    if (found.some(({ packages }) => packages[0]?.version === version)) break
  }
  const packages = found.flatMap(({ packages: [source] }) => (source ? [source] : []))
  // The archive keeps only current versions.
  const source = packages.find(each => each.version === version) ?? packages[0]
  if (source === undefined)
    throw new MachineryError(
      `kselftests: Debian's archive has no source of ${label}, linux-source-${series} ${version}: leave them out for this kernel`,
    )
  if (source.version !== version)
    progress.note(
      `the archive has no source of Linux ${version}: the kselftests are those of ${source.version}`,
    )
  const title = `the source of Linux ${source.version}, for its own tests`
  const deb = await progress.step(`fetch ${title} (${Math.round(source.size / 1e6)} MB)`, () =>
    fetchWhole(source, folder, archive, progress),
  )
  const tree = path.join(folder, 'linux')
  await progress.step(`unpack ${title}`, async () => {
    await extractSource(deb, series, tree, kselftestPart)
    await rm(deb)
    await makeOrFail(tree, ['headers'], `making the headers of Linux ${source.version}`)
  })
}

async function buildProgram(
  label: string,
  { tree, keyOf }: Source,
  name: string,
  { progress }: KselftestOptions,
): Promise<Kselftest> {
  const [, collection = '', program = ''] = /^(.+)\/([^/]+)$/.exec(name) ?? []
  requireProgram(tree, label, name, collection, program)
  const build = async (output: string) => {
    const folder = path.join(tree, folderOfTests, collection)
    // Programs include headers of the source they belong to before this machine's.
    const headers = `KHDR_INCLUDES=-isystem ${path.join(tree, 'usr/include')}`
    const file = path.join(output, program)
    const { exitCode, all } = await progress.step(`build the kselftest ${name}`, () =>
      make(folder, [`OUTPUT=${output}`, headers, file]),
    )
    if (exitCode === 0 && existsSync(file)) return
    throw new MachineryError(`kselftest ${name} of ${label} does not compile on this machine`, {
      details: lastLines(compilerLines(all, [], folder).join('\n'), 40),
    })
  }
  const key = contentKey(['program', keyOf(collection), name, await compilerVersion()])
  const output = await cached('kselftests', key, build)
  return { name, file: path.join(output, program) }
}

/** @throws UsageError that says which programs there are */
function requireProgram(
  tree: string,
  label: string,
  name: string,
  collection: string,
  program: string,
): void {
  const top = path.join(tree, folderOfTests)
  const collections = globSync('**/Makefile', { cwd: top })
    .map(file => path.dirname(file))
    // the Makefile of all
    .filter(name => name !== '.')
    .sort()
  if (!collections.includes(collection)) {
    const likely = nearest(collection, collections)
    throw new UsageError(
      `kselftests: ${label} has no collection of tests ${collection || name}: ${likely ? `did you mean ${likely}?` : `write COLLECTION/PROGRAM, with a folder of ${folderOfTests}`}`,
    )
  }
  const folder = path.join(top, collection)
  if (existsSync(path.join(folder, `${program}.c`))) return
  if (existsSync(path.join(folder, program)))
    throw new UsageError(`kselftests: ${name} is a script: only programs in C are built, leave it out`)
  const programs = globSync('*.c', { cwd: folder })
    .map(file => path.basename(file, '.c'))
    .sort()
  const likely = nearest(program, programs)
  const all = programs.length > 0 ? `choose one of ${programs.join(', ').slice(0, 400)}` : 'it has none in C'
  throw new UsageError(
    `kselftests: ${label} has no program ${name}: ${likely ? `did you mean ${collection}/${likely}?` : all}`,
  )
}
