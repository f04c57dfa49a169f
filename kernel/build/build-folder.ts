// SPDX-License-Identifier: MIT
/**
 * The folder in which a folder of modules is built for a kernel. It is kept: the next build compiles only what
 * reads a changed file. All else is as in a clean build: whatever is not a source, or an object that the same
 * sources would give again, is removed before.
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { contentKey, type Lock, locked } from '../../harness/base/cache.ts'
import { cacheRoot } from '../../harness/base/cache-root.ts'
import { ModuleError } from '../../harness/base/errors.ts'
import type { Kernel } from '../kernel.ts'
import { objectsWithMessages } from './compiler-lines.ts'
import { type Compiled, compiledObjects } from './files-read.ts'
import type { SourceFile, Sources } from './module-sources.ts'
import { notesOf } from './profiled.ts'

/** A build of sources, and all that its objects depend on besides their files. */
export interface PlannedBuild {
  readonly kernel: Pick<Kernel, 'id' | 'build'>
  readonly sources: Sources
  /** A key of the settings, tools and symbols of the build. */
  readonly settings: string
}

/** Make's output in the folder; there when make has ended by itself. */
export const logFile = 'build.log'

const stateFile = 'state.json'
const stateSchema = v.object({
  settings: v.string(),
  /** The name of the folder. */
  folder: v.string(),
  /** Milliseconds since 1970. */
  began: v.number(),
  /** Modes and hashes of the sources by name. */
  files: v.record(v.string(), v.object({ mode: v.number(), hash: v.string() })),
  /** Sources that a compiler has read: a changed one concerns the objects that name it, and nothing else. */
  compiled: v.array(v.string()),
  /** Objects that may be kept, with the sources they were compiled from. */
  objects: v.record(v.string(), v.array(v.string())),
  /** Files elsewhere that they were compiled from, except those of cached kernels, which never change. */
  elsewhere: v.array(v.string()),
})
type State = v.InferOutput<typeof stateSchema>

/** Milliseconds: file systems use the time of a kernel's last tick. */
const TICK = 10

/**
 * Calls `work` with a folder that has the sources below `build`, and objects of the last build that did not
 * fail for a reason outside of the sources. One build at a time uses it.
 */
export async function inBuildFolder<T>(
  planned: PlannedBuild,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const { kernel, sources } = planned
  const key = contentKey([kernel.id, sources.root, sources.dir])
  const entry = path.join(cacheRoot(), 'builds', key)
  // Again if this process was stopped for so long that another one has taken the folder over.
  for (;;) {
    const done = await locked(`builds-${key}`, lock => build(planned, entry, work, lock))
    if (done) return done.result
  }
}

async function build<T>(
  planned: PlannedBuild,
  entry: string,
  work: (folder: string) => Promise<T>,
  lock: Lock,
): Promise<{ readonly result: T } | undefined> {
  const last = await readState(entry)
  // An interrupted build leaves no state, and so nothing to go on with.
  await rm(path.join(entry, stateFile), { force: true })
  const began = Date.now() - TICK
  const kept = last && (await keptObjects(last, planned))
  // A new name: a stopped build that goes on does not write into the next one's folder.
  const name = kept ? last.folder : randomUUID()
  for (const other of await readdir(entry).catch(() => []))
    if (other !== name) await rm(path.join(entry, other), { recursive: true, force: true })
  const folder = path.join(entry, name)
  await fill(folder, planned.sources, kept ?? new Set())
  const remember = async () => {
    if (lock.isLost || !existsSync(path.join(folder, logFile))) return
    await writeState(entry, await stateOf(planned, folder, began, kept ? last.compiled : []))
  }
  try {
    const result = await work(folder)
    await remember()
    return lock.isLost ? undefined : { result }
  } catch (error) {
    if (lock.isLost) return undefined
    // What has compiled is kept.
    if (error instanceof ModuleError) await remember()
    throw error
  }
}

/**
 * The objects that a clean build would make again; undefined if a clean build is due, because it may differ in
 * more than objects.
 */
async function keptObjects(
  last: State,
  { settings, sources }: PlannedBuild,
): Promise<ReadonlySet<string> | undefined> {
  if (last.settings !== settings) return undefined
  const changed = new Set<string>()
  for (const file of sources.files) {
    const before = last.files[file.name]
    // A new file may be found in the place of another.
    if (before?.mode !== file.mode) return undefined
    if (before.hash !== digest(file)) changed.add(file.name)
  }
  if (Object.keys(last.files).length !== sources.files.length) return undefined
  const compiled = new Set(last.compiled)
  // Read by make, by a script, or by nobody: only a clean build can tell.
  if ([...changed].some(name => !compiled.has(name))) return undefined
  for (const file of last.elsewhere) {
    const status = await stat(file).catch(() => undefined)
    if (!status || status.ctimeMs >= last.began) return undefined
  }
  const objects = Object.entries(last.objects).filter(([, inputs]) => !inputs.some(name => changed.has(name)))
  return new Set(objects.map(([name]) => name))
}

/** Makes the folder have these sources and these objects, and nothing else. */
async function fill(folder: string, { files }: Sources, objects: ReadonlySet<string>): Promise<void> {
  const copy = path.join(folder, 'build')
  await mkdir(copy, { recursive: true })
  for (const name of await readdir(folder))
    if (name !== 'build') await rm(path.join(folder, name), { recursive: true, force: true })
  const known = new Set([
    ...files.map(({ name }) => name),
    ...[...objects].flatMap(it => [it, cmdOf(it), notesOf(it)]),
  ])
  const found = await readdir(copy, { recursive: true, withFileTypes: true })
  // From the deepest up: a folder that is empty then is the build's, or comes again with its files.
  for (const each of found.reverse()) {
    const place = path.join(each.parentPath, each.name)
    if (each.isDirectory()) await rmdir(place).catch(() => {})
    else if (!each.isFile() || !known.has(path.relative(copy, place))) await rm(place)
  }
  for (const { name, content, mode } of files) {
    const file = path.join(copy, name)
    // An unchanged file keeps its time.
    if ((await readFile(file).catch(() => undefined))?.equals(content)) continue
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, content, { mode: mode | 0o600 })
  }
}

async function stateOf(
  { settings, sources, kernel }: PlannedBuild,
  folder: string,
  began: number,
  compiledBefore: readonly string[],
): Promise<State> {
  const copy = path.join(folder, 'build')
  const work = path.join(copy, sources.dir)
  const known = new Set(sources.files.map(({ name }) => name))
  const all = await compiledObjects({ copy, work, ...kernel.build })
  const withMessages = objectsWithMessages(await readFile(path.join(folder, logFile), 'utf8'))
  const told = new Set(withMessages?.flatMap(name => [path.join(copy, name), path.join(work, name)]))
  const { source, output } = kernel.build
  const ofKernel = (file: string) => [source, output, compilerHeaders].some(it => file.startsWith(`${it}/`))
  const embedding = new Set(sources.files.filter(embeds).map(({ name }) => name))
  const mayBeKept = ({ object, inputs, elsewhere }: Compiled) =>
    withMessages !== undefined &&
    // Compiled again, so that its warnings are told again.
    !told.has(object) &&
    // A generated file is made again, and may differ.
    inputs.every(name => known.has(name) && !embedding.has(name)) &&
    // A file beside it may be found in its place.
    elsewhere.every(ofKernel)
  const kept = all.filter(mayBeKept)
  const compiled = all.flatMap(({ inputs }) => inputs)
  return {
    settings,
    folder: path.basename(folder),
    began,
    files: Object.fromEntries(
      sources.files.map(file => [file.name, { mode: file.mode, hash: digest(file) }]),
    ),
    compiled: [...new Set([...compiledBefore, ...compiled])],
    objects: Object.fromEntries(kept.map(({ object, inputs }) => [path.relative(copy, object), [...inputs]])),
    elsewhere: [...new Set(kept.flatMap(each => each.elsewhere))],
  }
}

/** Where gcc has its own headers. Its version and file are part of a build's settings. */
const compilerHeaders = '/usr/lib/gcc'

/** Where kbuild notes the command and the inputs of an object. */
function cmdOf(object: string): string {
  return path.join(path.dirname(object), `.${path.basename(object)}.cmd`)
}

/** Whether it may take in the bytes of files that no compiler lists: the assembler's .incbin, C23's #embed. */
function embeds({ content }: SourceFile): boolean {
  return /\.incbin|#\s*embed\b/.test(content.toString('latin1'))
}

function digest({ content }: SourceFile): string {
  return createHash('sha256').update(content).digest('hex')
}

async function readState(entry: string): Promise<State | undefined> {
  try {
    return v.parse(stateSchema, JSON.parse(await readFile(path.join(entry, stateFile), 'utf8')))
  } catch {
    return undefined // none, or another version's
  }
}

async function writeState(entry: string, state: State): Promise<void> {
  const draft = path.join(entry, `${stateFile}.draft`)
  await writeFile(draft, JSON.stringify(state))
  await rename(draft, path.join(entry, stateFile))
}
