// SPDX-License-Identifier: MIT
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { locked } from '../../harness/base/cache.ts'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import { MachineryError } from '../../harness/base/errors.ts'
import { bytesLeft, diskFull, throwIfFull } from '../../harness/base/full-disk.ts'
import { lastLines, runTool, runToolOrFail, type ToolResult } from '../../harness/base/process.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { type IndexedPackage, indexFilter, type Package, parseIndex } from './packages.ts'
import { archiveOf } from './series.ts'
import { machineSources, type Source, type Sources } from './sources.ts'

/** Debian's archive: indexes of suites, and packages. */
export interface Archive {
  /**
   * The kernel packages that these suites list at present.
   * @throws MachineryError when none of the suites can be read
   */
  index(suites: readonly string[]): Promise<IndexedPackage[]>
  /**
   * Fetches a package into `folder`, verifies its hash, and resolves to its path.
   * @throws LostPackage when the archive no longer has it; MachineryError when it cannot be fetched
   */
  fetch(wanted: Package, folder: string): Promise<string>
}

/** The archive no longer has a file that an index names: it only keeps current ones. */
export class LostPackage extends MachineryError {
  constructor(wanted: Package) {
    super(`the archive has no ${wanted.name} ${wanted.version} any more`)
  }
}

/** A package's contents do not match its index, or do not unpack. */
export class CorruptPackage extends MachineryError {
  constructor(wanted: Package, details: string) {
    super(
      `${wanted.name} ${wanted.version} came with wrong contents: try again later, or set another mirror`,
      {
        details,
      },
    )
  }
}

/** Bytes without which nothing can be written, and how often that is looked at, in milliseconds. */
const LEAST_ROOM = 64 * 1024
const LOOK_EVERY = 1_000

const helper = '/usr/lib/apt/apt-helper'

/**
 * Opens Debian's archive through a private apt below the cache: its lists, sources and (empty) dpkg status
 * are its own, and nothing is installed. Only the network settings (Acquire::*, credentials) and trusted keys
 * come from the machine's configuration.
 */
export async function openArchive(options: {
  progress: Progress
  mirror?: string | undefined
}): Promise<Archive> {
  const sources = await machineSources(options.mirror)
  const root = path.join(cacheRoot(), 'apt')
  const environment = { APT_CONFIG: path.join(root, 'apt.conf') }
  // One at a time: apt fails instead of waiting for its lock.
  const alone = <T>(work: () => Promise<T>) => locked('apt', work, { limit: 900_000 })
  await alone(() => prepareRoot(root))

  const index = async (suites: readonly string[]) => {
    await write(
      path.join(root, 'sources/debian.sources'),
      suites.map(suite => entry(sources, suite)).join('\n'),
    )
    const update = await whileRoom(root, signal =>
      runTool('apt-get', ['update', '-o', 'APT::Get::List-Cleanup=false'], {
        env: environment,
        timeout: 600_000,
        signal,
      }),
    )
    throwIfFull(update)
    const listed = await runToolOrFail(
      'apt-get',
      ['indextargets', '--format', '$(RELEASE)\t$(FILENAME)', 'Identifier: Packages'],
      { env: environment, timeout: 60_000 },
    )
    const lists = listed.stdout.split('\n').flatMap(line => {
      const [suite, file] = line.split('\t')
      return suite && file ? [{ suite, file }] : []
    })
    const unread = suites.filter(suite => !lists.some(it => it.suite === suite))
    if (lists.length === 0)
      throw unreachable(`the package lists of ${unread.join(', ')}`, sources, suites, update)
    for (const suite of unread) options.progress.note(`no package list of ${suite}: ${reasonOf(update)}`)
    const packages = await Promise.all(lists.map(it => readList(it.file, it.suite, environment)))
    return packages.flat()
  }

  return {
    index: suites =>
      alone(() =>
        options.progress.step(`read Debian's package lists (${suites.join(', ')})`, () => index(suites)),
      ),

    async fetch(wanted, folder) {
      const source = sources[wanted.archive]
      if (!source)
        throw new MachineryError(
          `${wanted.name} is in Debian's ${wanted.archive} archive, which this machine's apt configuration does not name: add it, or set a mirror`,
        )
      const file = path.join(folder, path.basename(wanted.file))
      const fetched = await whileRoom(folder, signal =>
        runTool(helper, ['download-file', `${source.uri}/${wanted.file}`, file, `SHA256:${wanted.sha256}`], {
          env: environment,
          timeout: 1_800_000,
          signal,
        }),
      )
      if (fetched.exitCode === 0) return file
      await Promise.all([file, `${file}.FAILED`].map(it => rm(it, { force: true })))
      if (/ 404 |File not found/.test(fetched.all)) throw new LostPackage(wanted)
      if (fetched.all.includes('Hash Sum mismatch'))
        throw new CorruptPackage(wanted, lastLines(fetched.all, 12))
      throw unreachable(`${wanted.name} ${wanted.version}`, sources, [wanted.suite], fetched)
    },
  }
}

/** Makes the private apt's folders and configuration. */
async function prepareRoot(root: string): Promise<void> {
  for (const folder of ['lists/partial', 'archives/partial', 'sources', 'none'])
    await mkdir(path.join(root, folder), { recursive: true })
  await write(path.join(root, 'status'), '')
  const dump = await runToolOrFail('apt-config', ['dump'], { timeout: 60_000 })
  await write(path.join(root, 'apt.conf'), configuration(root, dump.stdout))
}

/**
 * The private apt.conf, with the machine's own Acquire settings (proxies, timeouts, pipelining,
 * certificates).
 */
export function configuration(root: string, machineDump: string): string {
  const acquire = machineDump
    .split('\n')
    // Without the machine's choice of index files (translations, the desktop's metadata).
    .filter(
      line => /^Acquire::/i.test(line) && !/^Acquire::(IndexTargets|Languages|GzipIndexes)\b/i.test(line),
    )
  const has = (name: string) => acquire.some(line => line.startsWith(`${name} `))
  const setting = (name: string, value: string) => `${name} "${value}";`
  return [
    ...acquire,
    ...(has('Acquire::http::Timeout') ? [] : [setting('Acquire::http::Timeout', '20')]),
    ...(has('Acquire::https::Timeout') ? [] : [setting('Acquire::https::Timeout', '20')]),
    ...(has('Acquire::Retries') ? [] : [setting('Acquire::Retries', '2')]),
    setting('Acquire::Languages', 'none'),
    setting('Acquire::GzipIndexes', 'true'),
    setting('APT::Architecture', 'amd64'),
    'APT::Architectures { "amd64"; };',
    // As root apt would fetch as user _apt, who cannot write below root's cache.
    setting('APT::Sandbox::User', 'root'),
    setting('Dir::Etc::main', '/dev/null'),
    setting('Dir::Etc::parts', path.join(root, 'none')),
    setting('Dir::Etc::preferences', '/dev/null'),
    setting('Dir::Etc::preferencesparts', path.join(root, 'none')),
    setting('Dir::Etc::sourcelist', '/dev/null'),
    setting('Dir::Etc::sourceparts', path.join(root, 'sources')),
    setting('Dir::State::lists', path.join(root, 'lists')),
    setting('Dir::State::status', path.join(root, 'status')),
    setting('Dir::Cache::archives', path.join(root, 'archives')),
    setting('Dir::Cache::pkgcache', ''),
    setting('Dir::Cache::srcpkgcache', ''),
    '',
  ].join('\n')
}

/** A suite's entry in sources.list; empty if the machine has no source for that archive. */
function entry(sources: Sources, suite: string): string {
  const source: Source | undefined = sources[archiveOf(suite)]
  if (!source) return ''
  return [
    'Types: deb',
    `URIs: ${source.uri}`,
    `Suites: ${suite}`,
    'Components: main',
    ...(source.signedBy === undefined ? [] : [`Signed-By: ${source.signedBy}`]),
    '',
  ].join('\n')
}

async function readList(
  file: string,
  suite: string,
  environment: Record<string, string>,
): Promise<IndexedPackage[]> {
  // awk (essential on Debian), because only a small part of a very large list is needed.
  const { stdout } = await runToolOrFail(
    'sh',
    [
      '-c',
      `"$1" cat-file "$2" | awk -v RS= -v ORS='\\n\\n' '/${indexFilter.replaceAll('/', '\\/')}/'`,
      'sh',
      helper,
      file,
    ],
    { env: environment, timeout: 120_000 },
  )
  return parseIndex(stdout, suite)
}

/** Writes by a rename: another run may be reading the file. */
async function write(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content)
  await rename(`${file}.new`, file)
}

/** Ends work that finds no room any more: apt's methods (2.6) may wait for each other for ever then. */
async function whileRoom<T>(folder: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController()
  const looking = setInterval(() => {
    if (bytesLeft(folder) < LEAST_ROOM) ending.abort(diskFull())
  }, LOOK_EVERY)
  try {
    return await work(ending.signal)
  } finally {
    clearInterval(looking)
  }
}

function unreachable(
  what: string,
  sources: Sources,
  suites: readonly string[],
  result: ToolResult,
): MachineryError {
  const addresses = [...new Set(suites.flatMap(suite => sources[archiveOf(suite)]?.uri ?? []))]
  return new MachineryError(
    `cannot fetch ${what} from ${addresses.join(' and ') || 'any archive'}: ${reasonOf(result)}. It is not in the cache either: connect this machine once, or set another mirror`,
  )
}

/** The cause in apt's output: the line below the first "Err:" line, or the first "E:" line. */
export function reasonOf({ all }: Pick<ToolResult, 'all'>): string {
  const below = /^Err:.*\n\s+(.+)$/m.exec(all)?.[1]
  const error = /^[EW]: (.+)$/m.exec(all)?.[1]
  return (below ?? error ?? 'apt does not say why').trim().replace(/\.$/, '')
}
