// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import path from 'node:path'
import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'

/**
 * Processes by posix_spawn(3) and waitpid(2): Node (24.21) tells of a child that a real-time signal ended
 * that its exit code is 0. libuv waits for its own children by their pids, so these are left to us.
 */
const libc = koffi.load('libc.so.6')
const initAttributes = libc.func('int posix_spawnattr_init(void *attributes)')
const setFlags = libc.func('int posix_spawnattr_setflags(void *attributes, short flags)')
const setDefault = libc.func('int posix_spawnattr_setsigdefault(void *attributes, const void *signals)')
const setMask = libc.func('int posix_spawnattr_setsigmask(void *attributes, const void *signals)')
const initActions = libc.func('int posix_spawn_file_actions_init(void *actions)')
const addDuplicate = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)')
const addFolder = libc.func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *folder)')
const destroyActions = libc.func('int posix_spawn_file_actions_destroy(void *actions)')
const posixSpawn = libc.func(
  'int posix_spawn(void *pid, const char *path, const void *actions, const void *attributes, const char **arguments, const char **environment)',
) as (
  pid: Buffer,
  path: string,
  actions: Buffer,
  attributes: Buffer,
  command: readonly (string | null)[],
  environment: readonly (string | null)[],
) => number
const waitpid = libc.func('int waitpid(int pid, void *status, int options)')

// spawn.h and bits/waitflags.h of glibc
const RESETIDS = 0x01
const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80
const WNOHANG = 1
/** More than posix_spawnattr_t and posix_spawn_file_actions_t take, which are opaque. */
const OPAQUE = 512
/** sigset_t */
const SIGNALS = 128
const SIGCHLD = 'SIGCHLD'
const on = process.on.bind(process)
const off = process.off.bind(process)

/** How a process ended: by a code, or by a signal, which is told by its number. */
export type ProcessEnd =
  | { readonly code: number; readonly signal: null }
  | { readonly code: null; readonly signal: number }

export interface ChildProcess {
  readonly pid: number
  readonly ended: Promise<ProcessEnd>
}

/** What to start, and how. */
export interface ChildRequest {
  /** The program, looked up on the PATH of `environment` if it has no slash, and its arguments. */
  readonly command: readonly string[]
  /** Its stdin, stdout and stderr, above 2. */
  readonly stdio: readonly [number, number, number]
  /** Its working directory; ours if not given. */
  readonly folder?: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Makes it the leader of a session and a process group of its own. */
  readonly isLeader?: boolean
  /** Gives it this thread's real user and group for all of its user and group ids. */
  readonly asRealUser?: boolean
}

/** The children that have not been waited for, by pid. */
const children = new Map<number, (end: ProcessEnd) => void>()

/** @throws Error with the `code` of the failed system call: ENOENT, EACCES, ENOEXEC ... */
export function startChild(request: ChildRequest): ChildProcess {
  const [name = ''] = request.command
  const places = placesOf(name, request)
  const { promise, resolve } = Promise.withResolvers<ProcessEnd>()
  // Before the start, so that no end is missed.
  if (children.size === 0) on(SIGCHLD, waitForAll)
  try {
    const pid = spawnFirst(places, request)
    children.set(pid, resolve)
    return { pid, ended: promise }
  } catch (errno) {
    const code = getSystemErrorName(-(errno as number))
    throw Object.assign(new Error(`spawn ${name} ${code}`), { code })
  } finally {
    if (children.size === 0) off(SIGCHLD, waitForAll)
  }
}

/** The paths that a name can stand for, as execvp(3) tries them. */
function placesOf(name: string, { environment, folder = '.' }: ChildRequest): string[] {
  if (name.includes('/')) return [name]
  const folders = environment.PATH?.split(':') ?? []
  return folders
    .map(each => `${each || '.'}/${name}`)
    .filter(place => name !== '' && fs.existsSync(path.resolve(folder, place)))
}

/** @throws the errno that tells most: what is there and may not be run is more than what is not there */
function spawnFirst(places: readonly string[], request: ChildRequest): number {
  const { ENOENT, ENOTDIR, EACCES } = errnos
  const pid = Buffer.alloc(4)
  const attributes = attributesFor(request)
  const actions = actionsFor(request)
  const variables = Object.entries(request.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  )
  let failed = ENOENT
  try {
    for (const place of places) {
      const errno = posixSpawn(
        pid,
        place,
        actions,
        attributes,
        [...request.command, null],
        [...variables, null],
      )
      if (errno === 0) return pid.readInt32LE(0)
      if (errno !== ENOENT && errno !== ENOTDIR) failed = errno
      if (errno !== EACCES && failed === errno) break
    }
  } finally {
    destroyActions(actions)
  }
  throw failed
}

const errnos = koffi.os.errno as { ENOENT: number; ENOTDIR: number; EACCES: number }

/** As Node starts processes: with no signal ignored, handled or blocked. */
function attributesFor({ isLeader, asRealUser }: ChildRequest): Buffer {
  const attributes = Buffer.alloc(OPAQUE)
  initAttributes(attributes)
  setDefault(attributes, Buffer.alloc(SIGNALS, 0xff))
  setMask(attributes, Buffer.alloc(SIGNALS))
  setFlags(attributes, SETSIGDEF | SETSIGMASK | (isLeader ? SETSID : 0) | (asRealUser ? RESETIDS : 0))
  return attributes
}

function actionsFor({ stdio, folder }: ChildRequest): Buffer {
  const actions = Buffer.alloc(OPAQUE)
  initActions(actions)
  for (const [to, from] of stdio.entries()) addDuplicate(actions, from, to)
  if (folder !== undefined) addFolder(actions, folder)
  return actions
}

/** SIGCHLD may come once for several. */
function waitForAll(): void {
  const status = Buffer.alloc(4)
  for (const [pid, ended] of [...children]) {
    if (waitpid(pid, status, WNOHANG) !== pid) continue
    children.delete(pid)
    // bits/waitstatus.h
    const [code, signal] = [status.readUInt8(1), status.readUInt8(0) & 0x7f]
    ended(signal === 0 ? { code, signal: null } : { code: null, signal })
  }
  if (children.size === 0) off(SIGCHLD, waitForAll)
}
