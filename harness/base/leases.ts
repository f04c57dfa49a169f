// SPDX-License-Identifier: MIT
/**
 * Which process uses which cache entries: a file for each process, named after it, with a line for each
 * entry. What a living process uses is not removed; the file of a dead one is ignored.
 */
import {
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { makeFolder } from './folders.ts'

/**
 * Milliseconds without a sign of life after which another system's process counts as dead, and between two
 * signs.
 */
const SILENCE = 300_000
const SIGN = 60_000

/** How often this process uses each entry, by lease file: tests change the cache's folder. */
const uses = new Map<string, Map<string, number>>()

/**
 * Declares that this process uses something. @returns a function that ends the use, as the process's end does
 */
export function lease(root: string, name: string): () => void {
  const file = ownFile(root)
  const own = uses.get(file) ?? begin(file)
  change(file, own, name, 1)
  let ended = false
  return () => {
    if (!ended) change(file, own, name, -1)
    ended = true
  }
}

/** Whether a living process uses it. */
export function isLeased(root: string, name: string): boolean {
  return list(path.join(root, 'leases')).some(file => read(file).includes(name) && isAlive(file))
}

function begin(file: string): Map<string, number> {
  if (uses.size === 0) {
    process.once('exit', () => {
      for (const each of uses.keys()) remove(each)
    })
    setInterval(() => {
      for (const each of uses.keys()) sign(each)
    }, SIGN).unref()
  }
  const own = new Map<string, number>()
  uses.set(file, own)
  for (const other of list(path.dirname(file))) if (!isAlive(other)) remove(other)
  return own
}

function change(file: string, own: Map<string, number>, name: string, by: 1 | -1): void {
  const before = own.get(name) ?? 0
  const now = before + by
  if (now > 0) own.set(name, now)
  else own.delete(name)
  if (before > 0 === now > 0) return
  try {
    makeFolder(path.dirname(file))
    // By a rename: a reader never sees half a file.
    writeFileSync(`${file}.new`, [...own.keys(), ''].join('\n'))
    renameSync(`${file}.new`, file)
  } catch {
    // Nothing can be pruned from a read-only cache either.
  }
}

/** Removes a dead process's file; if that fails, it is still ignored. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // the cache is read-only, or not a folder (ENOTDIR)
  }
}

function sign(file: string): void {
  const now = new Date()
  try {
    utimesSync(file, now, now)
  } catch {
    // the cache was deleted, which is allowed
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter(name => !name.endsWith('.new'))
      .map(name => path.join(folder, name))
  } catch {
    return [] // nobody has used anything yet
  }
}

function read(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return [] // its process has just ended
  }
}

/** `SYSTEM.PID.START`: a process id is valid in one PID namespace until the next boot, and can be reused. */
function ownFile(root: string): string {
  return path.join(root, 'leases', `${system()}.${process.pid}.${startOf(process.pid)}`)
}

function isAlive(file: string): boolean {
  const [where, pid = '', start] = path.basename(file).split('.')
  if (where === system()) return startOf(Number(pid)) === start
  // Another container, or another machine with the same cache.
  const signed = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return Date.now() - signed < SILENCE
}

function system(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot}-${/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]}`
}

/**
 * When a process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)); undefined if it is
 * dead.
 */
function startOf(pid: number): string | undefined {
  try {
    const [, fields = ''] = /.*\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    const [state, ...rest] = fields.split(' ')
    // Z and X: a zombie uses nothing.
    return state === 'Z' || state === 'X' ? undefined : rest[18]
  } catch {
    return undefined
  }
}
