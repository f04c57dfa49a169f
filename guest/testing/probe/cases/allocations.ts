// SPDX-License-Identifier: MIT
/** Each allocation of each operation that succeeds fails once, and so do those of loading and unloading. */
import { expect, it } from 'vitest'
import { OverflowError, SystemCallError } from '../../../netlink/index.ts'
import { type FailedAllocation, failAllocations } from '../../allocations.ts'
import { kernel } from '../../kernel.ts'
import { loadModule, ModuleError, moduleReferences, unloadModule } from '../../modules.ts'
import { wordsOf } from '../answer.ts'
import { exploreFamily } from '../explore-family.ts'
import type { Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import type { Shape } from '../shape.ts'
import type { Requester, Subject } from '../subject.ts'

/** Milliseconds for an operation: some tens of rounds, on a slow kernel. */
const LIMIT = 300_000
/** Errors that say that there was no memory; EMSGSIZE is what many say for any message they could not make. */
const lackOfMemory: readonly string[] = ['ENOMEM', 'ENOBUFS', 'EMSGSIZE']

export function failingAllocations(subject: Subject): void {
  if (!kernel.has('failslab')) {
    it('each allocation fails once', async () => void (await failAllocations(() => {})))
    return
  }
  let exploring: Promise<ReadonlyMap<number, Shape>> | undefined
  for (const operation of subject.family.all) {
    const title = `command ${operation.command}${operation.kind === 'dump' ? ', dump' : ''}`
    it(`${title}: each allocation fails once`, { timeout: LIMIT }, async ({ skip }) => {
      exploring ??= workingRequests(subject)
      const working = await exploring
      const own = working.get(operation.command)
      if (operation.kind === 'do' && own === undefined) skip('no request was found that succeeds')
      const attributes = operation.kind === 'do' && own ? own.attributes(0) : Buffer.alloc(0)
      let requester: Requester | undefined
      const failed = await failAllocations(
        async () => {
          if (requester === undefined) throw new Error('there is no socket')
          return await answerOf(requester, operation, attributes)
        },
        {
          // Every round begins with the same state.
          before: async () => {
            await subject.reload()
            for (const shape of working.values()) if (shape !== own) await askOnce(subject, shape)
            requester = subject.open()
          },
          after: () => requester?.[Symbol.dispose](),
        },
      )
      check(title, failed)
    })
  }
  for (const [of, what] of [
    ['init', 'loading'],
    ['exit', 'unloading'],
  ] as const)
    it.runIf(subject.modules.length > 0)(
      `${what}: each allocation fails once`,
      { timeout: LIMIT },
      async () => {
        await subject.unload()
        const after = () => unloadLoaded(subject.modules)
        const failed = await failAllocations(() => loadAndUnload(subject.modules), { of, after })
        check(what, failed)
        await subject.load()
      },
    )
}

/** A request that succeeds, by command. */
async function workingRequests(subject: Subject): Promise<ReadonlyMap<number, Shape>> {
  using requester = subject.open()
  const { working } = await exploreFamily(subject, requester, new Faults('exploring', subject.told))
  return working
}

async function askOnce(subject: Subject, shape: Shape): Promise<void> {
  using requester = subject.open()
  await requester.ask(shape.operation, shape.attributes(0))
}

/** An answer that is no success. */
class Refused extends Error {
  readonly code: string

  constructor(code: string, words: string) {
    super(words)
    this.code = code
  }
}

/** What a request is answered with. @throws Refused */
async function answerOf(
  requester: Requester,
  operation: Operation,
  attributes: Buffer,
): Promise<{ replies: number; faults: readonly string[] }> {
  const answer = await requester.ask(operation, attributes)
  if (answer.code !== undefined) throw new Refused(answer.code, wordsOf(answer))
  // Values may differ each time, as counters do.
  return { replies: answer.replies.length, faults: answer.faults }
}

function loadAndUnload(modules: readonly string[]): void {
  for (const module of modules) loadModule(module)
  for (const module of modules.toReversed()) unloadModule(module)
}

function unloadLoaded(modules: readonly string[]): void {
  for (const module of modules.toReversed()) if (moduleReferences(module) !== undefined) unloadModule(module)
}

/** Each of them must say that there was no memory, or have done without. */
function check(title: string, failed: readonly FailedAllocation<unknown>[]): void {
  const silent = failed.flatMap(({ nth, stack, outcome }) => {
    if (!('error' in outcome) || saysSo(outcome.error)) return []
    const { error } = outcome
    const said = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    return [`allocation ${nth} has failed, and the answer does not say so: ${said}${within(stack)}`]
  })
  // The list of what is covered is part of the report.
  const covered = [`${title}: ${failed.length} allocations`, ...failed.map(({ stack }) => within(stack))]
  process.stdout.write(`${covered.join('\n')}\n`)
  expect(silent.join('\n')).toBe('')
}

function saysSo(error: unknown): boolean {
  if (error instanceof OverflowError) return true
  const code =
    error instanceof Refused || error instanceof ModuleError || error instanceof SystemCallError
      ? error.code
      : undefined
  return code !== undefined && lackOfMemory.includes(code)
}

function within(stack: readonly string[]): string {
  return ` in ${stack.length > 0 ? stack.join(' < ') : 'a place that the kernel does not log'}`
}
