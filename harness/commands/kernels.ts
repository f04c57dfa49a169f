// SPDX-License-Identifier: MIT
import { knownKernels } from '../../kernel/cached.ts'
import { inColumns } from '../base/columns.ts'
import { bytes, diskUsage, prune, type StockedEntry, stock } from '../base/stock.ts'

/** A line of `kernels`. */
export interface KernelListing {
  readonly label: string
  readonly release: string | undefined
  readonly origin: string | undefined
  /** Bytes of the unpacked kernel; 0 if it is not cached. */
  readonly kernelSize: number
  readonly templates: { readonly count: number; readonly size: number }
}

/** Every label, and what of it is cached. */
export function listKernels(): KernelListing[] {
  const templates = stock(['templates'])
  return knownKernels().map(({ label, release, origin, folders }) => {
    const own = templates.filter(template => template.label === label)
    return {
      label,
      release,
      origin,
      kernelSize: folders.reduce((sum, folder) => sum + diskUsage(folder), 0),
      templates: { count: own.length, size: total(own) },
    }
  })
}

/** The listing as a table, one line for each label, and a last line with the whole cache's size. */
export function kernelsTable(listings: readonly KernelListing[]): string {
  const rows = listings.map(({ label, release, origin, kernelSize, templates }) => [
    label,
    release ?? '-',
    kernelSize === 0 ? 'not fetched' : bytes(kernelSize),
    templates.count === 0 ? 'no template' : `${templates.count} of ${bytes(templates.size)}`,
    origin ?? '',
  ])
  const header = ['label', 'release', 'kernel', 'templates', 'origin']
  return inColumns([header, ...rows])
}

/** Removes entries that were not used for so many days, or exceed so many GB. */
export async function pruneKernels(days: number, gigabytes: number): Promise<string> {
  const { removed, spared } = await prune({ age: days * 86_400_000, size: gigabytes * 1e9 })
  const done =
    removed.length === 0 ? 'nothing to remove' : `removed ${removed.length} entries, ${bytes(total(removed))}`
  return spared.length === 0 ? done : `${done}; ${spared.length} are in use and stay, ${bytes(total(spared))}`
}

function total(entries: readonly StockedEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.size, 0)
}
