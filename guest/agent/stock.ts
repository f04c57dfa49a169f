// SPDX-License-Identifier: MIT
/**
 * What the agent finds at the beginning and the end of a file, outside of the test worker, which tests can
 * change.
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { inTimeOf, presentJiffies, type Since } from './jiffies.ts'
import { KernelLogPosition } from './kernel-log.ts'
import { type Holdings, leftBehind, lostMemory, takeStock, withFolder } from './leaks.ts'
import { countingModule, type FileBegun, type FileEnded, guestPaths } from './protocol.ts'

/** The fields of a process's status that the next file in it would inherit. */
const ofStatus = /^(Uid|Gid|Groups|Umask|SigBlk|CapInh|CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):.*$/gm
/** Of {@link countingModule}. */
const counts = `/proc/${countingModule}`
const places = ['root', ...['mnt', 'net', 'user', 'uts', 'ipc', 'pid', 'cgroup'].map(name => `ns/${name}`)]

/** Folders of programs, libraries, settings and devices. */
const folders = [
  ...['/bin', '/sbin', '/usr/bin', '/usr/sbin', guestPaths.programs],
  ...['/lib', '/usr/lib', '/etc', '/dev'],
]

const log = new KernelLogPosition()
/** The holdings when the file began. */
let stock: Holdings | undefined
/** What the next file in this guest would inherit; '' if there is none. */
let condition = ''
/** The worker's working directory when the file began: the project's. */
let folder = '/'
/** Whether the file's end tells which modules it has read. */
let isWatching = false
/** The files since memory was last looked for, if several can be. */
const files: Since[] = []
/** What the last file has left. */
let left: Holdings | undefined

/**
 * @param worker the pid of the test worker
 * @param isSame nothing has happened since the last file, a template's warm-up: what that left is still so,
 *   beside the files of the project
 * @param isLast no other file will use the guest
 * @param name the file's
 * @param watchesModules whether the file's end tells which modules it has read
 */
export function fileBegins(
  worker: number,
  {
    isSame,
    isLast,
    name,
    watchesModules,
  }: { isSame: boolean; isLast: boolean; name: string; watchesModules: boolean },
): FileBegun {
  folder = folderOf(worker)
  startCounting()
  stock = isSame && left ? withFolder(left, folder) : takeStock(folder)
  condition = isLast ? '' : conditionOf(worker)
  if (!isLast) files.push({ name, jiffies: presentJiffies() })
  isWatching = watchesModules
  if (isWatching) forgetReads()
  return { sequence: log.next, taint: readTaint() }
}

export async function fileEnds(worker: number, findsLostMemory: boolean): Promise<FileEnded> {
  left = takeStock(folder)
  const memory = findsLostMemory ? await memoryOfFiles() : ''
  return {
    sequence: log.next,
    taint: readTaint(),
    leaks: stock ? leftBehind(stock, left) : [],
    loaded: [...left.modules.keys()].filter(name => !stock?.modules.has(name)),
    memory,
    changed: condition !== '' && conditionOf(worker) !== condition,
    read: isWatching ? modulesRead() : [],
    ...counted(),
  }
}

/** kmemleak's report of all files since the last one. */
export async function memoryOfFiles(): Promise<string> {
  return inTimeOf(files.splice(0), await lostMemory())
}

/**
 * Loads the module that knows where others count, if they do (kernel/coverage): also for those that tests load by
 * insmod, and on kernels with gcov, where no symbol makes them depend on it.
 */
function startCounting(): void {
  const file = path.join(guestPaths.modules, `${countingModule}.ko`)
  if (existsSync(counts)) writeFileSync(counts, 'begin')
  else if (existsSync(file)) spawnSync('insmod', [file])
}

/** What modules have counted. */
function counted(): Pick<FileEnded, 'coverage'> {
  return existsSync(counts) ? { coverage: readFileSync(counts) } : {}
}

/** Gives the files of modules under test a time of reading that none has; tmpfs keeps it (init). */
function forgetReads(): void {
  for (const file of moduleFiles()) utimesSync(file, NEVER, statSync(file).mtime)
}

function modulesRead(): string[] {
  return moduleFiles()
    .filter(file => statSync(file).atimeMs !== NEVER.getTime())
    .map(file => path.basename(file, '.ko'))
}

const NEVER = new Date(0)

function moduleFiles(): string[] {
  return readdirSync(guestPaths.modules).map(name => path.join(guestPaths.modules, name))
}

/** The time of boot by the clock's setting, in units of 10 s since 1970. */
function timeOfBoot(): number {
  return Math.round((Date.now() - Number(process.hrtime.bigint() / 1_000_000n)) / 10_000)
}

/**
 * User, limits, mounts, namespaces and folders of a process, the clock's setting, and when a name came to a
 * folder of programs or went, as text to compare. The values of sysctls take half a second to read.
 */
function conditionOf(pid: number): string {
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
  return [
    ...(read('status').match(ofStatus) ?? []),
    read('limits'),
    read('mountinfo'),
    ...places.map(place => readlinkIfThere(`/proc/${pid}/${place}`)),
    folderOf(pid),
    ...folders.map(changeOf),
    String(timeOfBoot()),
  ].join('\n')
}

function folderOf(pid: number): string {
  return readlinkIfThere(`/proc/${pid}/cwd`)
}

/** The time of a folder's last change. */
function changeOf(folder: string): string {
  return String(statSync(folder, { bigint: true, throwIfNoEntry: false })?.ctimeNs)
}

/** The kernel may lack this kind of namespace. */
function readlinkIfThere(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}

function readTaint(): number {
  return Number(readFileSync('/proc/sys/kernel/tainted', 'utf8'))
}
