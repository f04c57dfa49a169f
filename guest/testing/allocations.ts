// SPDX-License-Identifier: MIT
/**
 * Failing allocations: /proc/PID/task/TID/fail-nth, failslab and fail_page_alloc of
 * Documentation/fault-injection/fault-injection.rst.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { FailureStacks } from './allocation-stacks.ts'
import { requireBuiltIns } from './built-ins.ts'
import { FailedRequest } from './failed-request.ts'
import { select, surroundings } from './failing-allocations.ts'
import { kernel } from './kernel.ts'

const failNth = '/proc/thread-self/fail-nth'

/** An allocation that has failed, and what came of it. */
export interface FailedAllocation<T> {
  /** Which one of the thread it was, from 1 on. */
  readonly nth: number
  /**
   * The functions that it was made in, innermost first, without those of the allocator and of the system
   * call's entry. Empty where the kernel tells it nowhere: pages that may fail in silence (__GFP_NOWARN), and
   * on kernels without events (CONFIG_EVENT_TRACING) all that may.
   */
  readonly stack: readonly string[]
  /** What the work has returned or thrown. */
  readonly outcome: { readonly value: T } | { readonly error: unknown }
}

/** How {@link failAllocations} goes about it. */
export interface FailAllocationsOptions {
  /**
   * Which allocations fail: those that netlink makes for the thread in its sockets' calls, the default, or
   * those in the init functions of modules that it loads, or in the exit functions of those that it unloads.
   */
  readonly of?: 'netlink' | 'init' | 'exit'
  /** Runs before each round, without failures: makes the state that the work needs. */
  readonly before?: () => unknown
  /** Runs after each round, without failures: undoes what the work has done, if it has. */
  readonly after?: () => unknown
}

/** A work that hides a failed allocation, or that is not the same again. */
export class AllocationError extends Error {
  /** The name in reports. */
  override readonly name = 'AllocationError'
}

/** More allocations than any work makes; a work that makes more in each round would not end. */
const MOST = 10_000

/** A call that has not come back, and its test. */
interface Running {
  readonly test: string
  stacks?: FailureStacks
}

let running: Running | undefined

/**
 * Runs `work` again and again, with the first, second, third ... allocation of the calling thread failing,
 * until none is left, and tells what came of each. Before and after that it runs without failures. Where the
 * allocation has failed, the work may throw, unless the kernel has granted the request in which it failed: then
 * only another one says that it was not done. If the work returns, it must be what it returns without failures: so
 * let it return what shows that it was done, as plain values. A leak fails the file at its end (kmemleak).
 * Allocations are those of objects (kmalloc, kmem_cache_alloc) and of whole pages (__get_free_pages, vmalloc,
 * kmalloc of more than two pages), on a kernel without CONFIG_FAIL_PAGE_ALLOC those of objects only, and as far
 * as 32 functions lie between them and the call. kmemleak sees no leaked pages.
 *
 *     const failed = await failAllocations(async () => {
 *       await socket.request(set(5))
 *       return await value()
 *     })
 *
 * @throws AllocationError if the work has returned anything else; Error on a kernel that cannot do it (ask
 * `kernel.has('failslab')`); what the work throws when nothing fails
 */
export async function failAllocations<T>(
  work: () => T | Promise<T>,
  { of = 'netlink', before, after }: FailAllocationsOptions = {},
): Promise<FailedAllocation<T>[]> {
  requireBuiltIns()
  if (!kernel.has('failslab'))
    throw new Error(
      `allocations cannot be made to fail on ${kernel.release}: it takes CONFIG_FAILSLAB, CONFIG_FAULT_INJECTION_DEBUG_FS and CONFIG_FAULT_INJECTION_STACKTRACE_FILTER, as --kernel debug-6.12 and debug-7.3 have`,
    )
  if (!Object.hasOwn(surroundings, of))
    throw new TypeError(`of: ${text(of)} is none of ${Object.keys(surroundings).join(', ')}`)
  if (running !== undefined)
    throw new Error(`failAllocations() runs once at a time, and has not come back in ${running.test}`)
  const own: Running = { test: expect.getState().currentTestName ?? 'a hook' }
  running = own
  release(own)
  try {
    select(of)
    using stacks = new FailureStacks()
    own.stacks = stacks
    const round = async (nth: number): Promise<Round<T>> => {
      await before?.()
      if (running !== own) throw new Error('the test of this failAllocations() has ended')
      try {
        return await failing(nth, work, stacks)
      } finally {
        await after?.()
      }
    }
    const first = new Result(resultOf(await round(0)))
    const failed: FailedAllocation<T>[] = []
    for (let nth = 1; nth <= MOST; nth++) {
      const { hasFailed, stack, outcome, isDenied } = await round(nth)
      if (!hasFailed) {
        const last = resultOf({ outcome })
        if (!first.equals(last))
          throw new AllocationError(
            `after ${failed.length} failed allocations the work returns ${text(last)}, and not ${text(first.value)} as before`,
          )
        if (of === 'netlink' && failed.length === 0)
          throw new AllocationError(
            'the work makes no allocation in calls of netlink sockets: nothing has failed, and nothing is tested',
          )
        return failed
      }
      failed.push({ nth, stack, outcome })
      if ('error' in outcome && isDenied)
        throw new AllocationError(
          [
            `allocation ${nth} has failed in a request that the kernel has granted, and the work fails after it: ${messageOf(outcome.error)}`,
            ...placesOf(stack),
          ].join('\n  in '),
          { cause: outcome.error },
        )
      if ('value' in outcome && !first.equals(outcome.value))
        throw new AllocationError(
          [
            `allocation ${nth} has failed, and the work returns ${text(outcome.value)} without an error, not ${text(first.value)}`,
            ...placesOf(stack),
          ].join('\n  in '),
        )
    }
    throw new AllocationError(
      `the work has made more than ${MOST} allocations, and a failed one did not end it`,
    )
  } finally {
    if (running === own) running = undefined
  }
}

/** Lets the tests after one that has not waited for its work have failing allocations of their own. */
function release(own: Running): void {
  try {
    onTestFinished(() => {
      if (running !== own) return
      writeFileSync(failNth, '0')
      own.stacks?.[Symbol.dispose]()
      running = undefined
    })
  } catch {
    // not in a test: a hook ends the file if it fails
  }
}

/** What the work returns without failures. */
class Result {
  /** A copy, where that is equal: the work may change its own. */
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
    try {
      const copy: unknown = structuredClone(value)
      if (isDeepStrictEqual(copy, value)) this.value = copy
    } catch {
      // functions and the like have no copy
    }
  }

  /** @throws AllocationError if it is the same object, of which there is no copy that is equal */
  equals(value: unknown): boolean {
    if (typeof value === 'object' && value !== null && value === this.value)
      throw new AllocationError(
        'the work returns the same object each time: let it return a new one, of plain values',
      )
    return isDeepStrictEqual(value, this.value)
  }
}

/** What came of one run of the work. */
interface Round<T> extends Pick<FailedAllocation<T>, 'stack' | 'outcome'> {
  readonly hasFailed: boolean
  /** Whether what it has thrown shows that a request was not done though it was granted. */
  readonly isDenied: boolean
}

/** Runs the work with that allocation failing; 0 is none. */
async function failing<T>(nth: number, work: () => T | Promise<T>, stacks: FailureStacks): Promise<Round<T>> {
  stacks.take()
  let outcome: FailedAllocation<T>['outcome']
  let left: number
  const countLeft = () => Number(readFileSync(failNth, 'utf8'))
  using request = new FailedRequest(() => nth > 0 && countLeft() === 0)
  writeFileSync(failNth, `${nth}`)
  try {
    outcome = { value: await work() }
  } catch (error) {
    outcome = { error }
  } finally {
    // What is left to count; 0 once the allocation has failed.
    left = countLeft()
    writeFileSync(failNth, '0')
  }
  const isDenied = 'error' in outcome && request.isDenied(outcome.error)
  return { hasFailed: nth > 0 && left === 0, stack: stacks.take(), outcome, isDenied }
}

function placesOf(stack: readonly string[]): readonly string[] {
  return stack.length > 0 ? stack : ['(which the kernel does not log)']
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : text(error)
}

/** @throws what the work has thrown */
function resultOf<T>({ outcome }: Pick<Round<T>, 'outcome'>): T {
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

function text(value: unknown): string {
  return value instanceof Uint8Array
    ? Buffer.from(value).toString('hex')
    : (JSON.stringify(value, plain) ?? String(value))
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value
}
