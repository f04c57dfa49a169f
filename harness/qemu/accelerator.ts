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
import { Qemu, qemuIdentity } from './qemu.ts'

/** What was decided, and why in words that a user can act on. */
export interface AcceleratorVerdict {
  readonly accelerator: Accelerator
  readonly reason: string
}

/**
 * Counts up with what is kept of a trial and how its reason is told: a cache outlives the release that filled it, and a user is to
 * read this one's words (one that was found as 'QEMU gave up: error: ...' went on being told so).
 */
const TRIAL = '2'

const verdictSchema = v.object({ accelerator: v.picklist(['kvm', 'tcg']), reason: v.string() })

/** Where KVM works a kernel says hello in well under a second. */
const PROBE_LIMIT = 5_000
const GREETING = 'netlink-vmtest: this guest runs'

/** What the probe needs to know. */
export interface ProbeOptions {
  /** The kernel that is to be tested: what works with another may still not with this one. */
  readonly kernel: string
  /** A static busybox, for the probe's init. */
  readonly busybox: string
  readonly device?: string
  readonly progress?: Progress
}

/**
 * Decides by trying: /dev/kvm can be there, open, and create a machine, and still not run a guest (kernels hang
 * silently, or stop with an internal error). The trial's verdict is cached for this host kernel, QEMU and guest
 * kernel; that /dev/kvm is missing or not ours is looked at each time, because a user changes that.
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

/** Why this device cannot be used at all, or undefined. */
export function deviceObstacle(device: string): string | undefined {
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return `there is no ${device} on this machine`
    return `no permission for ${device}: add yourself to its group (usermod -aG kvm USER), then log in again`
  }
}

/** Boots a kernel to its init, and says whether it got there. */
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
