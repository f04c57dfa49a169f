// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import koffi from 'koffi'
import { openPipe } from './pipes.ts'
import { Port } from './port.ts'
import { endOfOutput, ports } from './protocol.ts'

const libc = koffi.load('libc.so.6')
const setScheduler = libc.func('int sched_setscheduler(int pid, int policy, const int *priority)')
/** linux/sched.h */
const SCHED_FIFO = 1

/**
 * stdout and stderr of the test worker and programs: pipes, each with a process that passes the bytes on to a
 * port. That process has real-time priority, so that the host has the bytes before the writer goes on.
 */
export class Outputs {
  readonly stdout: number
  readonly stderr: number

  private constructor(stdout: number, stderr: number) {
    this.stdout = stdout
    this.stderr = stderr
  }

  static async open(): Promise<Outputs> {
    return new Outputs(passOn(await Port.find(ports.stdout)), passOn(await Port.find(ports.stderr)))
  }

  /** Marks the end of the output so far; resolves when both marks are written. */
  async end(): Promise<void> {
    await Promise.all([this.stdout, this.stderr].map(writeEnd))
  }
}

/**
 * Lets real-time processes use all time: kernels reserve some for others, in two ways (since 6.12 the
 * second).
 */
export function keepNothingBack(): void {
  const servers = '/sys/kernel/debug/sched/fair_server'
  try {
    fs.writeFileSync('/proc/sys/kernel/sched_rt_runtime_us', '-1')
    for (const cpu of fs.readdirSync(servers)) fs.writeFileSync(`${servers}/${cpu}/runtime`, '0')
  } catch {
    // This kernel does not have it.
  }
}

/** @returns the pipe's end for writing */
function passOn(device: string): number {
  const { readEnd, writeEnd } = openPipe()
  const port = fs.openSync(device, 'w')
  // Not node: its threads wait for each other, which can block for ever with real-time priority.
  const relay = spawn('/bin/busybox', ['cat'], { stdio: [readEnd, port, 'ignore'] })
  fs.closeSync(readEnd)
  fs.closeSync(port)
  // On a kernel that refuses real-time priority (RT_GROUP_SCHED) it stays an ordinary process.
  setScheduler(relay.pid ?? 0, SCHED_FIFO, [1])
  return writeEnd
}

function writeEnd(fd: number): Promise<void> {
  return new Promise((resolve, reject) =>
    fs.write(fd, Buffer.from(endOfOutput), error => (error ? reject(error) : resolve())),
  )
}
