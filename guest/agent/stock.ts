// SPDX-License-Identifier: MIT
/**
 * What the agent finds at the beginning and the end of a file, outside of the test worker, which tests can
 * change.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { KernelLogPosition } from './kernel-log.ts'
import { type Holdings, leftBehind, lostMemory, takeStock } from './leaks.ts'
import type { FileBegun, FileEnded } from './protocol.ts'

/** The fields of a process's status that the next file in it would inherit. */
const ofStatus = /^(Uid|Gid|Groups|Umask|SigBlk|CapInh|CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):.*$/gm
const places = [
  'cwd',
  'root',
  ...['mnt', 'net', 'user', 'uts', 'ipc', 'pid', 'cgroup'].map(name => `ns/${name}`),
]

const log = new KernelLogPosition()
/** The holdings when the file began. */
let stock: Holdings | undefined
let condition = ''
/** The worker's working directory when the file began: the project's. */
let folder = '/'

/** @param worker the pid of the test worker */
export function fileBegins(worker: number): FileBegun {
  folder = readlinkIfThere(`/proc/${worker}/cwd`)
  stock = takeStock(folder)
  condition = conditionOf(worker)
  return { sequence: log.next, taint: readTaint() }
}

export async function fileEnds(worker: number): Promise<FileEnded> {
  const left = takeStock(folder)
  const memory = await lostMemory()
  return {
    sequence: log.next,
    taint: readTaint(),
    leaks: stock ? leftBehind(stock, left) : [],
    loaded: [...left.modules.keys()].filter(name => !stock?.modules.has(name)),
    memory,
    changed: conditionOf(worker) !== condition,
  }
}

/** User, limits, mounts, namespaces and folders of a process, and the clock's setting, as text to compare. */
function conditionOf(pid: number): string {
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
  // The time of boot, in units of 10 s since 1970.
  const boot = Math.round((Date.now() - Number(process.hrtime.bigint() / 1_000_000n)) / 10_000)
  return [
    ...(read('status').match(ofStatus) ?? []),
    read('limits'),
    read('mountinfo'),
    ...places.map(place => readlinkIfThere(`/proc/${pid}/${place}`)),
    String(boot),
  ].join('\n')
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
