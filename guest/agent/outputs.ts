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
 * Where the test worker and programs write: pipes, each with a process behind it that passes on what comes to a port of its own. It
 * runs before all that is ordinary, so that whoever writes goes on when the host has what was written, whatever it does next.
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

  /** Marks the end of what was written so far; resolves when both marks are written. */
  async end(): Promise<void> {
    await Promise.all([this.stdout, this.stderr].map(writeEnd))
  }
}

/** Lets what runs before all others do so always: kernels keep some time for the others, by two means (since 6.12 by the second). */
export function keepNothingBack(): void {
  const servers = '/sys/kernel/debug/sched/fair_server'
  try {
    fs.writeFileSync('/proc/sys/kernel/sched_rt_runtime_us', '-1')
    for (const cpu of fs.readdirSync(servers)) fs.writeFileSync(`${servers}/${cpu}/runtime`, '0')
  } catch {
    // A kernel that has no such thing.
  }
}

/** @returns the end to write to */
function passOn(device: string): number {
  const { readEnd, writeEnd } = openPipe()
  const port = fs.openSync(device, 'w')
  // Not node: it has threads that wait for each other, which none may do that runs before all others.
  const relay = spawn('/bin/busybox', ['cat'], { stdio: [readEnd, port, 'ignore'] })
  fs.closeSync(readEnd)
  fs.closeSync(port)
  // A kernel without real-time classes for root (RT_GROUP_SCHED) leaves it an ordinary one.
  setScheduler(relay.pid ?? 0, SCHED_FIFO, [1])
  return writeEnd
}

function writeEnd(fd: number): Promise<void> {
  return new Promise((resolve, reject) =>
    fs.write(fd, Buffer.from(endOfOutput), error => (error ? reject(error) : resolve())),
  )
}
