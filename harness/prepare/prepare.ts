import { readFileSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import path from 'node:path'
import { nodeFlags, workerFlags } from '../../guest/agent/protocol.ts'
import type { GuestPackage } from '../../images/guest-runtime.ts'
import { findBusybox, guestImage } from '../../images/image.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { LockFile } from '../../kernel/lock-file.ts'
import { needsOf } from '../../kernel/needs.ts'
import { provideKernel } from '../../kernel/provide.ts'
import { MachineryError } from '../base/errors.ts'
import type { Progress } from '../base/progress.ts'
import { slowed } from '../base/timers.ts'
import type { GuestSpec, WorkerSettings } from '../guest/guest.ts'
import { type AcceleratorVerdict, chooseAccelerator, deviceObstacle } from '../qemu/accelerator.ts'
import { Restores } from '../template/restores.ts'
import { Delivery, modulesUnderTest } from './delivery.ts'
import type { Settings } from './settings.ts'
import { onCommandLine } from './worker-arguments.ts'

/**
 * Machine code that V8 makes has to be translated once more by QEMU, which pays only for what runs very often: with
 * these flags the five first suites take 8.7 s of processor time instead of 11.6 s, and the two that send thousands of
 * messages 12.4 s instead of 13.2 s (22 s without any compiler). V8's optimizing compiler is itself a sixth of all that QEMU
 * translates for a worker. It begins at 400,000 calls instead of 12,000. A file that sends requests one after the other is sooner
 * done so than with 40,000 up to 48,000 of them, and from there on later: what is optimized takes a third (debian-7.3).
 */
const flagsForEmulation = [
  ...['--no-sparkplug', '--no-maglev', '--invocation-count-for-turbofan=400000'],
  // Collections that V8 would start by itself in an idle moment: code that a short file needs for nothing else, and
  // a sixth of all that QEMU has to translate for it (72,000 blocks, 60,000 without).
  ...['--no-minor-gc-task', '--no-memory-reducer'],
  // MiB. In a guest of 512 V8 collects what is new after each 1, 121 times in all suites, and the whole heap when it has 12; with
  // these 34 times, and never the whole. The maximum follows from the guest's memory, and a minimum alone does not exceed it.
  // 16 gain nothing more: memory that is new has to be cleared.
  ...['--min-semi-space-size=4', '--max-semi-space-size=4', '--initial-old-space-size=64'],
]

/**
 * The test worker's functions are compiled with the script they are in: those of Vitest and of our package before the template
 * is saved, whether its warm-up calls them or not, and a test file's in one go. All suites, each file in its guest: 0.94 of the
 * time (six pairs, the agent with the flag as well). Four of them: 257,000 blocks that QEMU translates instead of 275,000, 82
 * million that run instead of 88. A cold boot takes longer by it, and so does a file with a large dependency of which it calls
 * little: with 3 MB of functions that nobody calls 9-11 s instead of 7.3-8.7 s; with valibot (200 KB) or fast-check as long as without.
 */
const workerFlagsForEmulation = ['--no-lazy']

/** A kernel with all that its test files need: the end of configuration -> kernel -> image -> guests. */
export interface PreparedKernel {
  /** As it was asked for, which is the name of its Vitest project. */
  readonly label: string
  readonly kernel: Kernel
  /** How many times longer than on other kernels tests may take. */
  readonly slowness: number
  readonly accelerator: AcceleratorVerdict
  readonly spec: GuestSpec
  readonly delivery: Delivery
  readonly guests: Restores
}

export interface PrepareOptions {
  readonly settings: Settings
  /** The folder that the settings' paths start from. */
  readonly root: string
  readonly progress: Progress
  /** Takes the newest version that a label can stand for, in place of the one that the lock file names. */
  readonly update?: boolean | undefined
  /** What test workers have beside what they always have: arguments of Node's, and settings of Vitest's. */
  readonly worker?: { readonly execArgv: readonly string[]; readonly settings: WorkerSettings } | undefined
  /** Makes the package that tests import in guests, where several kernels share one. */
  readonly bundle?: (() => Promise<GuestPackage>) | undefined
}

/** The kernel that a label stands for in this project: as its lock file has it, which it is written into. */
export async function projectKernel(
  label: string,
  { settings, root, progress, update }: PrepareOptions,
): Promise<Kernel> {
  const lock = new LockFile(root)
  return await provideKernel(label, { progress, mirror: settings.mirror, lock, refresh: update })
}

/**
 * Does all the long work for one kernel, before Vitest starts: Vitest gives a worker 60 s to start, and a failure
 * here has an exit status of its own.
 */
export async function prepareKernel(label: string, options: PrepareOptions): Promise<PreparedKernel> {
  const { settings, root, progress } = options
  const kernel = await projectKernel(label, options)
  const delivery = new Delivery(kernel, modulesUnderTest(settings, root), progress)
  // None needs another, and all wait for other programs most of the time.
  const [, , initramfs, accelerator] = await allDone([
    delivery.buildModules(),
    delivery.bundlePackage(options.bundle),
    guestImage(kernel, { ...settings.image, folder: root }, progress),
    accelerate(settings.vm.accelerator, kernel, progress),
  ])
  const needs = needsOf(readFileSync(kernel.config, 'utf8'))
  const memory = Math.max(settings.vm.memory, needs.memory)
  requireMemory(memory)
  const { execArgv = [], settings: workerSettings = {} } = options.worker ?? {}
  const emulated = accelerator.accelerator === 'tcg'
  const ofWorkers = [...(emulated ? workerFlagsForEmulation : []), ...execArgv]
  const spec: GuestSpec = {
    label,
    identity: `${kernel.id} ${path.basename(path.dirname(initramfs))}`,
    machine: {
      accelerator: accelerator.accelerator,
      kernel: kernel.image,
      initramfs,
      parameters: [
        ...(emulated ? [`${nodeFlags}=${flagsForEmulation.join(',')}`] : []),
        ...(ofWorkers.length > 0 ? [`${workerFlags}=${onCommandLine(ofWorkers)}`] : []),
        ...needs.parameters,
        ...settings.vm.parameters,
      ],
      memory,
      cpus: settings.vm.cpus,
    },
    worker: workerSettings,
    bootLimit: Math.max(settings.vm.bootLimit, needs.bootLimit) * 1000,
    bootSplats: settings.vm.bootSplats,
    limits: { file: slowed(settings.fileTimeout, needs.slowness), run: settings.runTimeout },
  }
  const guests = new Restores(spec, delivery, progress)
  await guests.prepare()
  return { label, kernel, slowness: needs.slowness, accelerator, spec, delivery, guests }
}

/**
 * What all of them come to, when all have ended: none is left at work when another has failed.
 * @throws what the first that failed did, in their order
 */
async function allDone<T extends readonly Promise<unknown>[]>(
  work: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}

async function accelerate(
  wanted: Settings['vm']['accelerator'],
  kernel: Kernel,
  progress: Progress,
): Promise<AcceleratorVerdict> {
  if (wanted === 'tcg') return { accelerator: 'tcg', reason: 'the configuration says so' }
  if (wanted === 'kvm') {
    const obstacle = deviceObstacle('/dev/kvm')
    if (obstacle) throw new MachineryError(`the configuration wants KVM, but ${obstacle}`)
    return { accelerator: 'kvm', reason: 'the configuration says so' }
  }
  const verdict = await chooseAccelerator({ kernel: kernel.image, busybox: await findBusybox(), progress })
  if (verdict.accelerator === 'tcg' && !announced.has(verdict.reason))
    progress.note(`software emulation: ${verdict.reason}`)
  announced.add(verdict.reason)
  return verdict
}

/** Why there is no KVM has been said: it is mostly the same for all kernels of a run. */
const announced = new Set<string>()

/** QEMU itself beside the guest's memory, as seen: 60-90 MiB. */
const QEMU_OVERHEAD = 100

function requireMemory(guest: number): void {
  const available = Math.floor(availableMemory() / 1024 ** 2)
  if (available < guest + QEMU_OVERHEAD)
    throw new MachineryError(
      `a guest needs ${guest + QEMU_OVERHEAD} MiB of memory and ${available} MiB are free: end something, or lower vm.memory`,
    )
}

/** How many guests of so many MiB may run side by side: a core each, and the memory for each. */
export function guestsAtOnce(memory: number): number {
  const byMemory = Math.floor(availableMemory() / 1024 ** 2 / (memory + QEMU_OVERHEAD))
  return Math.max(1, Math.min(availableParallelism(), byMemory))
}

/** Bytes that can be had without swapping: MemAvailable, which unlike "free" counts the page cache. */
export function availableMemory(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
  return match ? Number(match[1]) * 1024 : freemem()
}
