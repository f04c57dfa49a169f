// SPDX-License-Identifier: MIT
import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import path from 'node:path'
import * as v from 'valibot'
import { type CpioEntry, cpioArchive } from '../../images/cpio.ts'
import { cached, contentKey } from '../base/cache.ts'
import { withCore } from '../base/cores.ts'
import { isErrno } from '../base/errors.ts'
import { type Progress, silentProgress } from '../base/progress.ts'
import type { Accelerator } from './command.ts'
import { qemuIdentity } from './identity.ts'
import { Qemu } from './qemu.ts'

/** The decision, with a reason that a user can act on. */
export interface AcceleratorVerdict {
  readonly accelerator: Accelerator
  readonly reason: string
}

/**
 * Changes when a trial's verdict or the wording of its reason does: the cache outlives the release that
 * filled it.
 */
const TRIAL = '2'

const verdictSchema = v.object({ accelerator: v.picklist(['kvm', 'tcg']), reason: v.string() })

/** Milliseconds: many times what a boot to init takes with a working KVM. */
const PROBE_LIMIT = 5_000
const GREETING = 'netlink-vmtest: this guest runs'

/** What the trial needs. */
export interface ProbeOptions {
  /** The kernel under test: KVM may work with another and not with this one. */
  readonly kernel: string
  /** A static busybox, for the trial's init. */
  readonly busybox: string
  readonly device?: string
  readonly progress?: Progress
}

/**
 * Decides by a trial: /dev/kvm can exist, open, and create a machine, and still not run a guest (kernels hang
 * silently, or stop with an internal error). The verdict is cached by host kernel, QEMU and guest kernel.
 * Whether /dev/kvm exists and may be opened is checked each time, because a user can change that.
 */
export async function chooseAccelerator({
  kernel,
  busybox,
  device = '/dev/kvm',
  progress = silentProgress,
}: ProbeOptions): Promise<AcceleratorVerdict> {
  const obstacle = deviceObstacle(device)
  if (obstacle) return { accelerator: 'tcg', reason: obstacle }
  const identity = statSync(kernel)
  const key = contentKey([TRIAL, release(), qemuIdentity(), `${identity.size} ${identity.mtimeMs}`])
  const folder = await cached('verdicts', key, async folder => {
    const initramfs = path.join(folder, 'probe.cpio')
    writeFileSync(initramfs, cpioArchive(probeEntries(busybox)))
    const trial = await withCore(() =>
      progress.step(`try ${device}`, () => tryAccelerator('kvm', kernel, initramfs)),
    )
    const verdict: AcceleratorVerdict = trial.runs
      ? { accelerator: 'kvm', reason: 'KVM runs guests here' }
      : {
          accelerator: 'tcg',
          reason: `${device} is there, but a guest does not run under it (${trial.reason})`,
        }
    writeFileSync(path.join(folder, 'verdict.json'), JSON.stringify(verdict))
  })
  return v.parse(verdictSchema, JSON.parse(readFileSync(path.join(folder, 'verdict.json'), 'utf8')))
}

/** Why this device cannot be opened; undefined if it can. */
export function deviceObstacle(device: string): string | undefined {
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return `there is no ${device} on this machine`
    return `no permission for ${device}: add yourself to its group (usermod -aG kvm USER), then log in again`
  }
}

/** Boots a kernel, and tells whether it reached its init. */
export async function tryAccelerator(
  accelerator: Accelerator,
  kernel: string,
  initramfs: string,
  limit: number = PROBE_LIMIT,
): Promise<{ runs: true } | { runs: false; reason: string }> {
  const qemu = await Qemu.start({ accelerator, kernel, initramfs, memory: 256, cpus: 1 }, [])
  const timer = setTimeout(() => void qemu.kill(), limit)
  const exit = await qemu.exited
  clearTimeout(timer)
  if (qemu.console.includes(GREETING)) return { runs: true }
  if (exit.by === 'us') return { runs: false, reason: `silent for ${limit / 1000} s` }
  return { runs: false, reason: exit.description }
}

/** The smallest userland that can say hello and reset. */
export function probeEntries(busybox: string): CpioEntry[] {
  const init = `#!/bin/busybox sh\necho '${GREETING}'\nexec /bin/busybox reboot -f\n`
  return [
    { type: 'file', path: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    { type: 'file', path: 'init', mode: 0o755, content: Buffer.from(init) },
    { type: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  ]
}
