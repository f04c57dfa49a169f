// SPDX-License-Identifier: MIT
import type { QemuExit } from '../qemu/qemu.ts'

/**
 * Why a guest is no longer there.
 * - panic, reset (triple fault, emergency restart, reboot), power-off, memory (out of memory): caused by the
 *   kernel, and so by the module or the test
 * - worker: the test worker ended or is stuck
 * - frozen: nothing in the guest answers any more
 * - limit: a time limit was exceeded
 * - machinery: caused by QEMU or the host, not by what is tested
 * - ended: the harness ended it
 */
export interface Loss {
  readonly cause:
    | 'panic'
    | 'reset'
    | 'power-off'
    | 'memory'
    | 'worker'
    | 'frozen'
    | 'limit'
    | 'machinery'
    | 'ended'
  /** In words, for the report. */
  readonly message: string
  /** The test worker's stack in the kernel, as in /proc/PID/stack. */
  readonly stack?: string
}

/** The loss behind an end of QEMU, by how it ended and what the console showed last. */
export function lossOf(exit: QemuExit, console: string): Loss {
  if (exit.by === 'us') return { cause: 'ended', message: exit.description }
  if (exit.by === 'other') return { cause: 'machinery', message: exit.description }
  const panic = /Kernel panic - not syncing: (.*)/.exec(console)
  if (panic) return { cause: 'panic', message: `kernel panic: ${(panic[1] ?? '').trim()}` }
  const agent = /netlink-vmtest: the agent ended with status (\d+)/.exec(console)
  if (agent) {
    const killed = outOfMemory(console)
    return killed ?? { cause: 'reset', message: `the guest's agent ended with status ${agent[1]}` }
  }
  // Printed at a requested power-off or restart; a triple fault and emergency_restart() print nothing.
  if (/reboot: Power down/.test(console) || exit.description.includes('powered off'))
    return { cause: 'power-off', message: 'the guest powered off' }
  if (/reboot: Restarting system|sysrq: Resetting/.test(console))
    return { cause: 'reset', message: 'the guest rebooted' }
  return { cause: 'reset', message: 'the guest reset itself (a triple fault or an emergency restart)' }
}

/** The loss behind an end of the test worker; `log` is the kernel log of its time. */
export function workerLoss(exit: { code: number | null; signal: string | null }, log: string): Loss {
  const killed = exit.signal === 'SIGKILL' ? outOfMemory(log) : undefined
  if (killed) return killed
  const how = exit.signal ? `was killed by ${exit.signal}` : `exited with status ${exit.code}`
  return { cause: 'worker', message: `the test worker ${how}` }
}

function outOfMemory(log: string): Loss | undefined {
  const match = /ut of memory: Killed process (\d+) \((.*?)\)/.exec(log)
  if (!match) return undefined
  const message = `the guest ran out of memory: its kernel killed process ${match[1]} (${match[2]}). vm.memory gives it more`
  return { cause: 'memory', message }
}
