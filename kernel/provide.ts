// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { UsageError } from '../harness/base/errors.ts'
import type { Progress } from '../harness/base/progress.ts'
import { prebuiltKernel } from './debian/prebuilt.ts'
import { debianLabels, fullLabels, labelOfRelease, seriesOf } from './debian/series.ts'
import type { Kernel } from './kernel.ts'
import type { LockFile } from './lock-file.ts'
import { packedKernel } from './pack/read.ts'
import { kernelFromSource } from './source/from-source.ts'
import { sourceLabel, sourceLabels } from './source/labels.ts'
import { treeKernel } from './tree/tree.ts'

export interface ProvideOptions {
  readonly progress: Progress
  /** The address of a mirror of Debian's main archive. Default: the one that this machine's apt uses. */
  readonly mirror?: string | undefined
  /** The project's lock file. */
  readonly lock?: LockFile | undefined
  /** Takes the newest version in place of the one that was used before. */
  readonly refresh?: boolean | undefined
}

/**
 * The kernel that a label stands for, fetched or built if it is not cached yet.
 * @throws UsageError for an unknown label; MachineryError when the kernel cannot be fetched or built
 */
export async function provideKernel(label: string, options: ProvideOptions): Promise<Kernel> {
  if (seriesOf(label)) return await prebuiltKernel(label, options)
  if (sourceLabel(label)) return await kernelFromSource(label, options)
  // Paths are relative to the current folder.
  const [, kind, file = ''] = /^(pack|tree):(.+)$/s.exec(label) ?? []
  if (kind === 'pack') return await packedKernel(label, file, options.progress)
  if (kind === 'tree') return await treeKernel(label, file, options.progress)
  throw unknownKernel(label)
}

/** @throws UsageError for a label that stands for no kernel */
export function requireLabel(label: string): void {
  if (!seriesOf(label) && !sourceLabel(label) && !/^(?:pack|tree):./s.test(label)) throw unknownKernel(label)
}

function unknownKernel(label: string): UsageError {
  return new UsageError(
    `unknown kernel ${label}: choose one of ${knownLabels().join(', ')}, a tree:DIR that you have built, or a pack:FILE of build --pack`,
  )
}

/** The labels known to work, oldest kernel first. */
export function knownLabels(): string[] {
  return [...debianLabels, ...fullLabels, ...sourceLabels]
}

/**
 * The default label: that of this machine's Debian release, whose kbuild tools run here as they are.
 * @param osRelease the text of os-release(5)
 */
export function hostLabel(osRelease = readFileSync('/etc/os-release', 'utf8')): string {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1]
  const label = field('ID') === 'debian' ? labelOfRelease(field('VERSION_CODENAME') ?? '') : undefined
  if (label !== undefined) return label
  throw new UsageError(
    `there is no default kernel for ${field('PRETTY_NAME') ?? 'this system'}: choose one with --kernel (${knownLabels().join(', ')})`,
  )
}
