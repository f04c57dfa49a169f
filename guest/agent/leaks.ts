// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { copiedFolders, isOfCopies } from './copies.ts'
import { notedSections, withSections } from './module-sections.ts'
import { countingModule, guestPaths } from './protocol.ts'

/** MSECS_MIN_AGE of mm/kmemleak.c, in milliseconds: younger objects are not reported. */
const KMEMLEAK_AGE = 5_000
/** Folders in which tests leave files. */
const folders = ['/tmp', '/dev/shm', '/root']

/** What a test file must leave as it found it. */
export interface Holdings {
  /** References to each loaded module under test, by name, without those of other modules. */
  readonly modules: ReadonlyMap<string, number>
  /** Netlink sockets of user space, as "protocol 21, port id 114". */
  readonly sockets: ReadonlySet<string>
  /** Ids of processes and of kernel threads. */
  readonly processes: ReadonlySet<string>
  readonly files: ReadonlySet<string>
}

/** kmemleak's file is in debugfs; a kernel without debugfs has no kmemleak. */
export function mountDebugfs(): void {
  if (!/\bdebugfs\b/.test(read('/proc/filesystems') ?? '') || entries('/sys/kernel/debug').length > 0) return
  spawnSync('mount', ['-t', 'debugfs', 'debugfs', '/sys/kernel/debug'])
}

/** The present holdings. @param folder another one in which tests leave files: the working directory */
export function takeStock(folder: string): Holdings {
  return {
    modules: new Map(
      modulesUnderTest().flatMap(name => {
        const references = read(`/sys/module/${name}/refcnt`)
        if (references === undefined) return []
        // A loaded module that uses it may hold it.
        return [[name, Number(references) - entries(`/sys/module/${name}/holders`).length]]
      }),
    ),
    sockets: new Set(netlinkSockets()),
    processes: new Set(entries('/proc').filter(name => /^\d+$/.test(name))),
    files: new Set([...folders, ...foldersOf(folder)].flatMap(filesIn)),
  }
}

/** Holdings with one more folder, those above it, and its files. */
export function withFolder(holdings: Holdings, folder: string): Holdings {
  const above: string[] = []
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) above.push(at)
  const files = foldersOf(folder).flatMap(filesIn)
  return { ...holdings, files: new Set([...holdings.files, ...above, ...files]) }
}

/** The project's folder, and those below it that are there from the beginning. */
function foldersOf(project: string): string[] {
  return [project, ...copiedFolders(project)]
}

function filesIn(folder: string): string[] {
  return entries(folder).map(name => path.join(folder, name))
}

/** What a test file has left behind, a line each: references to modules, sockets, processes, files. */
export function leftBehind(before: Holdings, now: Holdings): string[] {
  const fresh = (then: ReadonlySet<string>, now: ReadonlySet<string>) =>
    [...now].filter(each => !then.has(each))
  const references = [...now.modules].flatMap(([name, count]) => {
    const more = count - (before.modules.get(name) ?? 0)
    return more > 0 ? [`${more} reference${more > 1 ? 's' : ''} to the module ${name}`] : []
  })
  return [
    ...references,
    ...fresh(before.sockets, now.sockets).map(socket => `a netlink socket: ${socket}`),
    ...fresh(before.processes, now.processes)
      .flatMap(processOf)
      .map(process => `a process: ${process}`),
    ...fresh(before.files, now.files)
      .filter(file => !isOfCopies(file))
      .map(file => `a file: ${file}`),
  ]
}

/**
 * Memory that nothing points to any more, as kmemleak reports it; empty on kernels without it. Takes two scans,
 * because kmemleak does not report objects that have changed since the one before, and 5 s until the second, because
 * it does not report younger ones. A write returns when its scan is done, which takes long on a busy host: the agent
 * answers the host meanwhile.
 */
export async function lostMemory(
  kmemleak: string = guestPaths.kmemleak,
  age = KMEMLEAK_AGE,
): Promise<string> {
  if (!fs.existsSync(kmemleak)) return ''
  const since = performance.now()
  try {
    await fs.promises.writeFile(kmemleak, 'scan')
    await sleep(since + age - performance.now())
    await fs.promises.writeFile(kmemleak, 'scan')
    const report = await fs.promises.readFile(kmemleak, 'utf8')
    await fs.promises.writeFile(kmemleak, 'clear')
    return withSections(report.trim(), notedSections())
  } catch {
    // Switched off (kmemleak=off). If it gave up by itself, the kernel log has a report, which fails the
    // file.
    return ''
  }
}

/** The kernel loads its own modules by itself, and keeps them; they do not count. */
function modulesUnderTest(): string[] {
  return entries(guestPaths.modules)
    .map(file => path.basename(file, '.ko').replaceAll('-', '_'))
    .filter(name => name !== countingModule)
}

function netlinkSockets(): string[] {
  // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode; the kernel's own sockets have port id 0
  return (read('/proc/net/netlink') ?? '')
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(([, , portId]) => portId !== undefined && portId !== '0')
    .map(([, protocol, portId]) => `protocol ${protocol}, port id ${portId}`)
}

/**
 * A process as "sleep (pid 140)"; nothing for kernel threads, and for a process that has ended but was not
 * reaped.
 */
function processOf(pid: string): string[] {
  const stat = /\((.*)\) (\S) (\d+)/.exec(read(`/proc/${pid}/stat`) ?? '')
  if (!stat) return []
  const [, name, state = '', parent] = stat
  // Kernel threads are children of kthreadd, pid 2. Z: a zombie, X: dead.
  return parent === '2' || 'ZX'.includes(state) ? [] : [`${name} (pid ${pid})`]
}

function entries(folder: string): string[] {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}
