/**
 * Who uses which entries of the cache: a file for each process, named after it, with a name in a line. What a living process
 * uses is not removed; a file of one that is gone counts for nothing.
 */
import {
  mkdirSync,
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

/** Milliseconds after which a process that cannot be looked at counts as gone, and between its signs of life. */
const SILENCE = 300_000
const SIGN = 60_000

/** How often this process uses each, by file: the cache's folder may be another one in tests. */
const uses = new Map<string, Map<string, number>>()

/** Declares that this process uses something. @returns ends it; it ends with the process */
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
    mkdirSync(path.dirname(file), { recursive: true })
    // Whole at any time for who reads it.
    writeFileSync(`${file}.new`, [...own.keys(), ''].join('\n'))
    renameSync(`${file}.new`, file)
  } catch {
    // A cache that cannot be written to loses nothing either.
  }
}

/** What cannot be removed counts for nothing either, when its process is gone. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // a cache that cannot be written to, or is none (ENOTDIR)
  }
}

function sign(file: string): void {
  const now = new Date()
  try {
    utimesSync(file, now, now)
  } catch {
    // the cache was deleted, which it may be
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

/** `SYSTEM.PID.START`: a process id means something in one PID namespace until the next boot, and may be given again. */
function ownFile(root: string): string {
  return path.join(root, 'leases', `${system()}.${process.pid}.${startOf(process.pid)}`)
}

function isAlive(file: string): boolean {
  const [where, pid = '', start] = path.basename(file).split('.')
  if (where === system()) return startOf(Number(pid)) === start
  // Another container, or another machine that has the same cache.
  const signed = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return Date.now() - signed < SILENCE
}

function system(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot}-${/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]}`
}

/** When a process started, in clock ticks since the boot: field 22 of proc(5)'s stat; undefined where there is none. */
function startOf(pid: number): string | undefined {
  try {
    const [, fields = ''] = /.*\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    const [state, ...rest] = fields.split(' ')
    // A zombie uses nothing.
    return state === 'Z' || state === 'X' ? undefined : rest[18]
  } catch {
    return undefined
  }
}
