// SPDX-License-Identifier: MIT
import type { Reporter, Vitest } from 'vitest/node'
import type { Blob, RunRecord } from './blob.ts'
import { type KernelFacts, united } from './kernel-facts.ts'

/** Shards, kernels and machines put together. */
export interface Merged {
  /** Each kernel once, in the order of the blobs. */
  readonly kernels: readonly KernelFacts[]
  /** What must not be merged, each with the files' names. */
  readonly problems: readonly string[]
}

/** Puts what the blobs know of each kernel together, and finds what is twice or not there. */
export function mergeKernels(blobs: readonly Blob[]): Merged {
  const labels = [...new Set(blobs.flatMap(({ record }) => record.kernels.map(({ label }) => label)))]
  const problems: string[] = []
  const kernels = labels.flatMap(label => {
    const own = blobs.filter(({ record }) => record.kernels.some(kernel => kernel.label === label))
    problems.push(...shardProblems(label, own))
    const [first, ...more] = own.flatMap(({ record }) =>
      record.kernels.filter(kernel => kernel.label === label),
    )
    return first ? [united([first, ...more], missingShards(own))] : []
  })
  // A shard that is there twice says more than its files do.
  return { kernels, problems: [...new Set(problems.length > 0 ? problems : filesTwice(blobs))] }
}

/**
 * The order of the kernels' rows: of those that must be there, else as a run of several had them, else the
 * configuration's, because jobs of a kernel each have none.
 */
export function rowOrder(
  expected: readonly string[],
  records: readonly RunRecord[],
  configured: readonly string[],
): readonly string[] {
  if (expected.length > 0) return expected
  const several = records.find(({ kernels }) => kernels.length > 1)
  return several ? several.kernels.map(({ label }) => label) : configured
}

/** The kernels in the order of their labels; others come last, in their own. */
export function inOrder(kernels: readonly KernelFacts[], order: readonly string[]): KernelFacts[] {
  const place = ({ label }: KernelFacts) => (order.includes(label) ? order.indexOf(label) : order.length)
  return kernels.toSorted((a, b) => place(a) - place(b))
}

/** Test files of a kernel that two blobs have. */
function filesTwice(blobs: readonly Blob[]): string[] {
  const seen = new Map<string, string>()
  return blobs.flatMap(({ file, modules }) =>
    modules.flatMap(({ kernel, name }) => {
      const key = JSON.stringify([kernel, name])
      const other = seen.get(key)
      seen.set(key, file)
      return other === undefined ? [] : [`${name} of ${kernel} is in ${other} and in ${file}: remove one`]
    }),
  )
}

function shardProblems(label: string, blobs: readonly Blob[]): string[] {
  const problems: string[] = []
  const seen = new Map<number, string>()
  const counts = new Map<number, string>()
  for (const { file, record } of blobs) {
    const { index, count } = record.shard ?? { index: 0, count: 0 }
    counts.set(count, file)
    const other = seen.get(index)
    seen.set(index, file)
    if (index > 0 && other !== undefined)
      problems.push(`shard ${index}/${count} of ${label} is in ${other} and in ${file}: remove one`)
  }
  const [first, second] = [...counts.entries()]
  if (first && second) {
    const words = ([count, file]: readonly [number, string]) =>
      `${file} (${count === 0 ? 'no shard' : `a shard of ${count}`})`
    problems.push(`${label} is divided in two ways: ${words(first)}, ${words(second)}: remove one`)
  }
  return problems
}

function missingShards(blobs: readonly Blob[]): string[] {
  const shards = blobs.flatMap(({ record }) => record.shard ?? [])
  const count = shards[0]?.count ?? 0
  const all = Array.from({ length: count }, (_, before) => before + 1)
  return all.filter(index => !shards.some(shard => shard.index === index)).map(index => `${index}/${count}`)
}

/**
 * What Vitest's own merge leaves out (5.1.1), as its first reporter: the counts of snapshots, which no blob of
 * its own has, and each line of output once, which it adds to its test a second time.
 */
export function mending(records: readonly RunRecord[]): Reporter {
  let vitest: Vitest
  return {
    onInit(context) {
      vitest = context
    },
    onTestRunEnd() {
      for (const task of vitest.state.idMap.values()) if (task.logs) task.logs = [...new Set(task.logs)]
      Object.assign(vitest.snapshot.summary, sum(records.map(({ snapshots }) => snapshots)))
    },
  }
}

/** Counts added up, lists joined, and a flag set that any of them sets. */
export function sum(summaries: readonly RunRecord['snapshots'][]): RunRecord['snapshots'] {
  const total: RunRecord['snapshots'] = {}
  for (const [name, value] of summaries.flatMap(Object.entries)) {
    const before = total[name]
    if (typeof value === 'number') total[name] = value + Number(before ?? 0)
    else if (typeof value === 'boolean') total[name] = value || before === true
    else total[name] = [...(Array.isArray(before) ? before : []), ...value]
  }
  return total
}
