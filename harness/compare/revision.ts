// SPDX-License-Identifier: MIT
/**
 * A revision of a git repository as files in a folder of its own. Work tree, index and .git stay as they are:
 * git gets an index of ours.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  type Stats,
  symlinkSync,
} from 'node:fs'
import path from 'node:path'
import { contentKey, locked } from '../base/cache.ts'
import { cacheRoot } from '../base/cache-root.ts'
import { UsageError } from '../base/errors.ts'
import { makeFolder } from '../base/folders.ts'
import { isLeased, lease } from '../base/leases.ts'
import { lastLines, runTool } from '../base/process.ts'

/** Milliseconds for git to do one thing. */
const LIMIT = 300_000

/** Git's hashes of files, by their paths below the repository's folder. */
export type Contents = ReadonlyMap<string, string>

/** A commit of the repository that a project is in. */
export interface Revision {
  /** As named on the command line. */
  readonly name: string
  /** Its hash. */
  readonly commit: string
  /** The folder of the work tree. */
  readonly top: string
}

/** Files of a revision, which are removed with this process. */
export interface CheckedOut {
  /** The folder in place of the repository's. */
  readonly folder: string
  readonly contents: Contents
}

/**
 * The folder of the work tree that a folder is in.
 * @throws UsageError if it is in none
 */
export async function workTree(folder: string): Promise<string> {
  const { exitCode, stdout, stderr } = await git(folder, ['rev-parse', '--show-toplevel'])
  if (exitCode === 0) return stdout
  if (/not a git repository/.test(stderr))
    throw new UsageError(`${folder} is in no git repository: compare two folders of modules instead`)
  throw new UsageError(`git cannot tell the work tree of ${folder}: ${words(stderr)}`)
}

/** @returns undefined if the repository has no such revision */
export async function findRevision(folder: string, name: string): Promise<Revision | undefined> {
  const top = await workTree(folder)
  const asked = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
  const { exitCode, stdout } = await git(top, asked)
  return exitCode === 0 ? { name, commit: stdout, top } : undefined
}

/** The error for a name that is no revision. */
export async function noRevision(folder: string, name: string): Promise<UsageError> {
  const { stdout } = await git(folder, ['rev-parse', '--is-shallow-repository'])
  const why = stdout === 'true' ? ': the repository is shallow, git fetch --unshallow brings the rest' : ''
  return new UsageError(`there is neither a folder of modules nor a revision ${name}${why}`)
}

/**
 * Writes the files of a revision, with those of submodules that the work tree has, and links to the packages
 * of the work tree.
 * @param note is told of submodules that are left out
 * @throws UsageError that names what git cannot write
 */
export async function checkOut(
  { name, commit, top }: Revision,
  note: (text: string) => void,
): Promise<CheckedOut> {
  const folder = besideTheSame(top, await ownFolder(contentKey([top, commit])))
  const contents = new Map<string, string>()
  await writeTree({ repository: top, commit, folder, below: '', name }, contents, note)
  linkPackages(top, folder)
  return { folder, contents }
}

/** What suites can import. */
const code = /\.[cm]?[jt]sx?$/

/**
 * The files of a work tree as they are: those that git knows and, of others that it does not ignore, code; data
 * may be reports.
 */
export async function contentsOf(top: string): Promise<Contents> {
  const known = await succeeded(top, ['ls-files', '-z', '--cached'])
  const fresh = await succeeded(top, ['ls-files', '-z', '--others', '--exclude-standard'])
  const others = fresh.split('\0').filter(name => code.test(name))
  const all = [...new Set([...known.split('\0'), ...others])].filter(Boolean)
  const names = all.filter(name => statusOf(path.join(top, name))?.isFile())
  const contents = new Map<string, string>()
  for (const name of all)
    if (statusOf(path.join(top, name))?.isSymbolicLink()) contents.set(name, linkAt(path.join(top, name)))
  // As many as fit a command line.
  for (let at = 0; at < names.length; at += 500) {
    const some = names.slice(at, at + 500)
    const hashes = (await succeeded(top, ['hash-object', '--', ...some])).split('\n')
    for (const [index, name] of some.entries()) contents.set(name, hashes[index] ?? '')
  }
  return contents
}

/** A commit of a repository, or of one of its submodules. */
interface Tree {
  readonly repository: string
  readonly commit: string
  readonly folder: string
  /** The submodule's path below the first repository's folder. */
  readonly below: string
  /** The revision as the user named it. */
  readonly name: string
}

async function writeTree(
  { repository, commit, folder, below, name }: Tree,
  contents: Map<string, string>,
  note: (text: string) => void,
): Promise<void> {
  const env = { GIT_INDEX_FILE: `${path.join(folder, below).replace(/\/$/, '')}.index` }
  try {
    // All files, also where the work tree is sparse.
    await succeeded(repository, ['-c', 'core.sparseCheckout=false', 'read-tree', commit], env)
    const prefix = `${path.join(folder, below)}/`
    await succeeded(repository, ['checkout-index', '--all', '--force', `--prefix=${prefix}`], env)
    const listed = await succeeded(repository, ['ls-files', '--stage', '-z'], env)
    for (const line of listed.split('\0').filter(Boolean)) {
      const [, mode, hash = '', file = ''] = /^(\d+) (\w+) \d\t(.*)$/s.exec(line) ?? []
      const place = path.join(below, file)
      contents.set(place, mode === '120000' ? linkAt(path.join(folder, place)) : hash)
      if (mode !== '160000') continue
      const own = path.join(repository, file)
      if (!existsSync(path.join(own, '.git'))) {
        note(`${name}: the submodule ${place} is not in the work tree: left out`)
        continue
      }
      if ((await git(own, ['cat-file', '-e', `${hash}^{commit}`])).exitCode !== 0)
        throw new UsageError(
          `${name} has the submodule ${place} at ${hash.slice(0, 12)}, which is not here: fetch it with git -C ${place} fetch`,
        )
      await writeTree({ repository: own, commit: hash, folder, below: place, name }, contents, note)
    }
  } finally {
    rmSync(env.GIT_INDEX_FILE, { force: true })
  }
}

/** Removes the folders of this process. */
const owned: (() => void)[] = []

/** An empty folder that is removed with this process; what a killed one has left is removed now. */
async function ownFolder(key: string): Promise<string> {
  const all = path.join(cacheRoot(), 'sides')
  return await locked('sides', async () => {
    makeFolder(all)
    for (const other of readdirSync(all))
      if (!isLeased(cacheRoot(), `sides-${other}`))
        rmSync(path.join(all, other), { recursive: true, force: true })
    // The same name at each comparison, for builds that go on where the last one ended.
    let folder = path.join(all, key)
    for (let more = 2; existsSync(folder); more++) folder = path.join(all, `${key}-${more}`)
    const endLease = lease(cacheRoot(), `sides-${path.basename(folder)}`)
    if (owned.length === 0)
      process.once('exit', () => {
        for (const remove of owned) remove()
      })
    owned.push(() => {
      rmSync(folder, { recursive: true, force: true })
      endLease()
    })
    mkdirSync(folder)
    return folder
  })
}

/**
 * An empty folder that has the same path below another one, with links to all that is beside it and beside the folders
 * above: a project may name such files by relative paths (a tsconfig.json, headers, packages).
 */
function besideTheSame(folder: string, below: string): string {
  const names = folder.split('/').filter(Boolean)
  for (const [at, own] of names.entries()) {
    const above = path.join(...names.slice(0, at))
    const [parent, copy] = [path.join('/', above), path.join(below, above)]
    for (const name of readable(parent))
      if (name !== own) symlinkSync(path.join(parent, name), path.join(copy, name))
    mkdirSync(path.join(copy, own))
  }
  return path.join(below, folder)
}

/** The names in a folder; none if it may only be passed. */
function readable(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Gives a folder the node_modules of another one, and of the folders in it that have some. */
function linkPackages(from: string, to: string): void {
  for (const entry of readdirSync(to, { withFileTypes: true }))
    if (entry.isDirectory() && entry.name !== 'node_modules' && existsSync(path.join(from, entry.name)))
      linkPackages(path.join(from, entry.name), path.join(to, entry.name))
  const packages = path.join(from, 'node_modules')
  const link = path.join(to, 'node_modules')
  if (existsSync(packages) && !statusOf(link)) symlinkSync(realpathSync(packages), link)
}

function statusOf(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false })
}

/** In place of a hash. */
function linkAt(file: string): string {
  return `-> ${readlinkSync(file)}`
}

async function succeeded(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { exitCode, stdout, stderr, all } = await git(folder, args, env)
  if (exitCode === 0) return stdout
  throw new UsageError(
    `git ${args.find(arg => /^[a-z-]+$/.test(arg))} fails in ${folder}: ${words(stderr)}`,
    {
      details: lastLines(all, 20),
    },
  )
}

function git(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runTool('git', ['-c', 'core.fsmonitor=false', ...args], {
    cwd: folder,
    timeout: LIMIT,
    // Without it git may refresh the user's index.
    env: { GIT_OPTIONAL_LOCKS: '0', ...env },
  })
}

/** The first line that git says, as a part of a sentence. */
function words(stderr: string): string {
  return (
    stderr
      .split('\n', 1)[0]
      ?.replace(/^(fatal|error): /, '')
      .replace(/\.$/, '') || 'it says nothing'
  )
}
