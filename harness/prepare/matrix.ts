// SPDX-License-Identifier: MIT
import { availableParallelism } from 'node:os'
import { bundleGuestPackage } from '../../images/guest-runtime.ts'
import { ModulesMissing } from '../../images/kernel-modules.ts'
import { hostLabel } from '../../kernel/provide.ts'
import { HarnessError, UsageError } from '../base/errors.ts'
import { understood } from '../base/system-errors.ts'
import { GuestStatistics } from '../guest/statistics.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { type PreparedKernel, type PrepareOptions, prepareKernel } from './prepare.ts'
import { type Settings, settingsFile } from './settings.ts'

/**
 * The labels of a run's kernels, each once: those of `--kernel` or `--matrix`, else the configuration's, else
 * that of this machine's Debian release.
 * @throws UsageError if there is none, or both options are given
 */
export function labelsOf(
  { kernel, matrix }: { readonly kernel?: string; readonly matrix?: boolean },
  settings: Pick<Settings, 'kernels' | 'matrix'>,
): string[] {
  if (kernel !== undefined && matrix)
    throw new UsageError('--kernel and --matrix both say which kernels: give one')
  const [where, labels] =
    kernel !== undefined
      ? ['--kernel', kernel.split(',').filter(Boolean)]
      : matrix
        ? [`${settingsFile}: matrix`, settings.matrix]
        : [`${settingsFile}: kernels`, settings.kernels ?? [hostLabel()]]
  if (labels.length === 0) throw new UsageError(`${where} names no kernel`)
  return [...new Set(labels)]
}

/** A kernel that could not be made ready: its files fail for that reason, the others' run. */
export interface UnpreparedKernel {
  readonly label: string
  readonly guests: GuestSource & { readonly statistics: GuestStatistics }
  readonly error: HarnessError
}

/** A kernel of a run. */
export type KernelOfRun = PreparedKernel | UnpreparedKernel

/** Whether the kernel is ready. */
export function isPrepared(kernel: KernelOfRun): kernel is PreparedKernel {
  return !('error' in kernel)
}

/**
 * Makes the kernels of a run ready, as many at a time as there are cores: downloads, boots and the
 * single-threaded parts of builds leave a core idle. A kernel that fails is a row of the report, not the end
 * of the run.
 * @param options.orNone whether the run goes on even if none is ready
 * @throws HarnessError if none is ready
 */
export async function prepareKernels(
  labels: readonly string[],
  { orNone = false, ...options }: PrepareOptions & { readonly orNone?: boolean },
): Promise<KernelOfRun[]> {
  const kernels: KernelOfRun[] = []
  const waiting = [...labels.entries()]
  let { settings } = options
  let bundled: ReturnType<typeof bundleGuestPackage> | undefined
  const bundle = () => (bundled ??= bundleGuestPackage())
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, label] = next
      kernels[index] = await prepareKernel(label, { ...options, settings, bundle }).catch(error =>
        unprepared(label, error),
      )
    }
  }
  const workers = () => Promise.all(Array.from({ length: availableParallelism() }, work))
  await workers()
  // A module that another kernel of the run has is no mistake: those without it go without it.
  const excused = namesElsewhere(kernels)
  for (const [index, kernel] of kernels.entries()) {
    if (isPrepared(kernel) || !(kernel.error instanceof ModulesMissing)) continue
    if (kernel.error.names.every(name => excused.has(name))) waiting.push([index, kernel.label])
  }
  settings = withOptional(settings, excused)
  await workers()
  for (const kernel of kernels)
    if (!isPrepared(kernel) && (labels.length > 1 || orNone))
      options.progress.note(`${kernel.label} cannot run: ${kernel.error.message}`)
  const failure = orNone ? undefined : whyNoneIsReady(kernels)
  if (failure) throw failure
  return withNames(kernels)
}

/** Why a run has no kernel; undefined if one is ready. */
export function whyNoneIsReady(kernels: readonly KernelOfRun[]): HarnessError | undefined {
  const errors = kernels.flatMap(kernel => (isPrepared(kernel) ? [] : [kernel]))
  const [first] = errors
  if (!first || errors.length < kernels.length) return undefined
  // All kernels usually fail for one reason: the modules, the memory, the disk.
  if (errors.every(({ error }) => error.message === first.error.message)) return first.error
  return new HarnessError(first.error.status, 'no kernel could be made ready', {
    details: errors
      .map(({ label, error: { message, details } }) =>
        [`${label}: ${message}`, details].filter(Boolean).join('\n'),
      )
      .join('\n'),
  })
}

/** The modules that some kernels of a run lack and others have. */
function namesElsewhere(kernels: readonly KernelOfRun[]): ReadonlySet<string> {
  const lists = kernels.flatMap(kernel => {
    if (isPrepared(kernel)) return [[]]
    return kernel.error instanceof ModulesMissing ? [kernel.error.names] : []
  })
  return new Set(lists.flat().filter(name => lists.some(names => !names.includes(name))))
}

function withOptional(settings: Settings, names: ReadonlySet<string>): Settings {
  const modules = settings.image.modules.map(each => {
    const name = typeof each === 'string' ? each : each.name
    return names.has(name) ? { name, optional: true } : each
  })
  return { ...settings, image: { ...settings.image, modules } }
}

/**
 * A pack goes by the label of the kernel in it, so that its row is that kernel's on any machine; if another
 * kernel of the run goes by that, it keeps its own.
 */
export function withNames(kernels: readonly KernelOfRun[]): KernelOfRun[] {
  const packedIn = (kernel: KernelOfRun) => (isPrepared(kernel) ? kernel.kernel.packed?.label : undefined)
  const names = kernels.map(kernel => packedIn(kernel) ?? kernel.label)
  return kernels.map((kernel, index) => {
    const label = names[index] ?? kernel.label
    const isTaken = names.some((name, other) => other !== index && name === label)
    return isTaken ? kernel : { ...kernel, label }
  })
}

function unprepared(label: string, error: unknown): UnpreparedKernel {
  const known = understood(error)
  if (known === undefined) throw error
  return {
    label,
    error: known,
    guests: {
      statistics: new GuestStatistics(),
      packageFolder: '',
      colours: false,
      acquire: () => Promise.reject(known),
      release: () => Promise.resolve(),
      onLoss: () => {},
    },
  }
}
