// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import path from 'node:path'
import { nodeFlags, workerFlags } from '../../guest/agent/protocol.ts'
import type { GuestPackage } from '../../images/guest-runtime.ts'
import { findBusybox, guestImage } from '../../images/image.ts'
import { lackingModules, ModulesMissing } from '../../images/kernel-modules.ts'
import { profiled } from '../../kernel/build/profiled.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { LockFile } from '../../kernel/lock-file.ts'
import { fwCfg, needsOf } from '../../kernel/needs.ts'
import { provideKernel } from '../../kernel/provide.ts'
import { HarnessError, MachineryError } from '../base/errors.ts'
import type { Progress } from '../base/progress.ts'
import { slowed } from '../base/timers.ts'
import { requireTool } from '../base/tools.ts'
import { allDone } from '../base/wait.ts'
import type { GuestSpec, WorkerSettings } from '../guest/guest.ts'
import type { Debugging } from '../pool/debugger.ts'
import type { Attend, Recorder } from '../pool/guest-source.ts'
import { type AcceleratorVerdict, chooseAccelerator, deviceObstacle } from '../qemu/accelerator.ts'
import { qemuBinary } from '../qemu/identity.ts'
import { Restores } from '../template/restores.ts'
import { requireBreakpoints } from './breakpoints.ts'
import { Delivery, moduleParameters, modulesUnderTest, whereMore } from './delivery.ts'
import type { Settings } from './settings.ts'
import { onCommandLine } from './worker-arguments.ts'

/**
 * Node's flags for software emulation. QEMU translates V8's machine code once more, which only pays for code
 * that runs very often: V8's compilers start later (docs/measurements.md, Node's flags).
 */
const flagsForEmulation = [
  ...['--no-sparkplug', '--no-maglev', '--invocation-count-for-turbofan=400000'],
  // No garbage collections in idle moments: a short file needs none, and QEMU would translate their code.
  ...['--no-minor-gc-task', '--no-memory-reducer'],
  // MiB: a larger heap is collected less often than V8's default for a guest of 512 MiB. The maximum must be
  // set too: V8 derives it from the guest's memory, and it limits the minimum.
  ...['--min-semi-space-size=4', '--max-semi-space-size=4', '--initial-old-space-size=64'],
]

/**
 * The test worker compiles all functions of a script with it: those of Vitest and of this package before the
 * template is saved, whether or not the warm-up calls them. A cold boot and a file with a very large
 * dependency take longer (docs/measurements.md, Node's flags).
 */
const workerFlagsForEmulation = ['--no-lazy']

/** A kernel with all that its test files need: configuration -> kernel -> image -> guests. */
export interface PreparedKernel {
  /** The name of its Vitest project: as requested, or of a pack that of the kernel in it. */
  readonly label: string
  readonly kernel: Kernel
  readonly accelerator: AcceleratorVerdict
  readonly spec: GuestSpec
  readonly delivery: Delivery
  readonly guests: Restores
}

export interface PrepareOptions {
  readonly settings: Settings
  /** The folder that the settings' paths are relative to. */
  readonly root: string
  readonly progress: Progress
  /** Takes the newest version of a label's kernel in place of the lock file's. */
  readonly update?: boolean | undefined
  /** Node's arguments and Vitest's settings for test workers beside the usual ones. */
  readonly worker?: { readonly execArgv: readonly string[]; readonly settings: WorkerSettings } | undefined
  /**
   * Called if the modules under test cannot be built: guests then have none. Without it, that ends the
   * preparation.
   */
  readonly onBrokenModules?: ((error: HarnessError) => void) | undefined
  /** Whether passed tests show their conversations, too. */
  readonly trace?: boolean | undefined
  /** Where the conversations of all tests are captured: an absolute path. */
  readonly captureFolder?: string | undefined
  /** What takes what a kernel's tests say. */
  readonly recorder?: ((label: string) => Recorder) | undefined
  /** Whether failures carry as data what a page shows of them: conversations, kernel logs, reports. */
  readonly details?: boolean | undefined
  /** Whether guests are forked: in place of the settings' vm.fork. */
  readonly fork?: boolean | undefined
  /** Whether modules count what runs. */
  readonly coverage?: boolean | undefined
  /** Whether guests wait for gdb, and at which functions that stops. */
  readonly gdb?: Pick<Debugging, 'functions' | 'patience'> | undefined
  /** Looks around in the guests of failed tests. */
  readonly attend?: Attend | undefined
  /** Makes the package that tests import in guests; kernels of a run share it. */
  readonly bundle?: (() => Promise<GuestPackage>) | undefined
}

/** The kernel that a label stands for in this project, by its lock file, to which a new one is added. */
export async function projectKernel(
  label: string,
  { settings, root, progress, update }: PrepareOptions,
): Promise<Kernel> {
  const lock = new LockFile(root)
  return await provideKernel(label, { progress, mirror: settings.mirror, lock, refresh: update })
}

/**
 * Does all the long work for one kernel before Vitest starts: Vitest limits the start of a worker (vitest
 * 5.1.1: 60 s), and a failure here has an exit status of its own.
 */
export async function prepareKernel(label: string, options: PrepareOptions): Promise<PreparedKernel> {
  const { settings, root, progress } = options
  // Before anything is fetched or built.
  requireTool(qemuBinary)
  const kernel = await projectKernel(label, options)
  const folders = modulesUnderTest(settings, root)
  const built = options.coverage ? profiled(folders) : folders
  const delivery = new Delivery(kernel, built, progress, moduleParameters(settings))
  // At the same time: these are independent, and mostly wait for other programs.
  const [, , , initramfs, accelerator] = await allDone([
    delivery.buildModules().catch(error => {
      if (!options.onBrokenModules || !(error instanceof HarnessError)) throw error
      options.onBrokenModules(error)
    }),
    delivery.bundlePackage(options.bundle),
    delivery.findCopies(settings, root),
    imageOf(kernel, settings, progress),
    accelerate(settings.vm.accelerator, kernel, progress),
  ])
  const sources = folders.map(({ dir }) => dir)
  if (options.gdb)
    requireBreakpoints(options.gdb.functions, delivery.moduleNames, sources, delivery.symbols, kernel)
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
      vmcoreinfo: settings.vm.dump,
    },
    worker: workerSettings,
    bootLimit: Math.max(settings.vm.bootLimit, needs.bootLimit) * 1000,
    bootSplats: settings.vm.bootSplats,
    limits: { file: slowed(settings.fileTimeout, needs.slowness), run: settings.runTimeout },
    slowness: needs.slowness,
    findsLostMemory: needs.findsLostMemory,
    trace: options.trace === true,
    captureFolder: options.captureFolder,
    details: options.details === true,
    fork: options.gdb === undefined && (options.fork ?? settings.vm.fork),
    debug: options.gdb && {
      ...options.gdb,
      folders: sources,
    },
    coverage: options.coverage === true,
  }
  if (!emulated && spec.fork === true)
    progress.note(
      `${label}: no fork under KVM, a virtual machine belongs to one process; its guests are restored`,
    )
  const { attend } = options
  const recorder = options.recorder?.(label)
  const guests = new Restores(spec, delivery, progress, settings.knownReports, recorder, attend)
  await guests.prepare()
  return { label, kernel, accelerator, spec, delivery, guests }
}

/**
 * The kernel's image, with those of the wanted modules of its own that it has.
 * @throws ModulesMissing that names those that it does not have, and that are not optional
 */
async function imageOf(kernel: Kernel, { image, vm }: Settings, progress: Progress): Promise<string> {
  const ofDumps = vm.dump && lackingModules(kernel, [fwCfg]).length === 0 ? [fwCfg] : []
  const named = [...image.modules, ...ofDumps].map(each =>
    typeof each === 'string' ? { name: each, optional: false } : each,
  )
  const names = named.map(({ name }) => name)
  const lacking = lackingModules(kernel, names)
  const needed = lacking.filter(name => named.some(each => each.name === name && !each.optional))
  if (needed.length > 0) throw new ModulesMissing(kernel, needed, whereMore(kernel.label))
  for (const name of lacking)
    progress.note(`${kernel.label} (${kernel.release}) has no module ${name}: its guests go without it`)
  const there = names.filter(name => !lacking.includes(name))
  return await guestImage(kernel, there, progress)
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

/** Reasons for no KVM that have been printed: kernels of a run usually share one. */
const announced = new Set<string>()

/** MiB of QEMU's process beside the guest's memory, rounded up. */
const QEMU_OVERHEAD = 100

function requireMemory(guest: number): void {
  const available = Math.floor(availableMemory() / 1024 ** 2)
  if (available < guest + QEMU_OVERHEAD)
    throw new MachineryError(
      `a guest needs ${guest + QEMU_OVERHEAD} MiB of memory and ${available} MiB are free: end something, or lower vm.memory`,
    )
}

/** How many guests of so many MiB may run at the same time: each needs a core and its memory. */
export function guestsAtOnce(memory: number): number {
  const byMemory = Math.floor(availableMemory() / 1024 ** 2 / (memory + QEMU_OVERHEAD))
  return Math.max(1, Math.min(availableParallelism(), byMemory))
}

/** Bytes available without swapping: MemAvailable, which unlike MemFree includes the page cache. */
export function availableMemory(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
  return match ? Number(match[1]) * 1024 : freemem()
}
