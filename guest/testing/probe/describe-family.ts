// SPDX-License-Identifier: MIT
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Specification } from '../../ynl/specification.ts'
import { failingAllocations } from './cases/allocations.ts'
import { attributes } from './cases/attributes.ts'
import { behaviour } from './cases/behaviour.ts'
import { headers, headersOfFamily } from './cases/header.ts'
import { lifetime } from './cases/lifetime.ts'
import { requests } from './cases/requests.ts'
import { specified } from './cases/specified.ts'
import { surroundings } from './cases/surroundings.ts'
import type { Operation } from './family.ts'
import { Meaning } from './meaning.ts'
import { limitRequests, unlimitRequests } from './request-limit.ts'
import { type GivenValue, Subject } from './subject.ts'

/** A part of the tests: of a command, of what commands do to each other, or of what modules leave behind. */
export type Part = number | 'family' | 'lifetime'

/** How {@link describeFamily} gets at a family, and what it needs to know of it. */
export interface FamilyOptions {
  /**
   * The module that registers it, or several in the order of loading; each group of tests has it freshly
   * loaded. Not given: the family is there already, or by `before`.
   */
  readonly module?: string | readonly string[]
  /** Called before each group of tests, after the module was loaded. */
  readonly before?: () => void | Promise<void>
  /** Called after each group of tests, before the module is unloaded. */
  readonly after?: () => void | Promise<void>
  /**
   * Its specification, as `parseSpecification()` of `netlink-vmtest/ynl` reads it: names, which attributes
   * requests have and which are answered, good values. Where it differs from the kernel, or from what comes, a
   * test fails.
   */
  readonly spec?: Specification
  /**
   * Good payloads by the attributes' types, or their names in `spec`, where policies do not tell: an index of a
   * device, an address. A function gives those of variants 0, 1, 2 ..., by which entries differ.
   */
  readonly values?: Readonly<Record<string | number, GivenValue>>
  /**
   * Commands by number, or name in `spec`, each of which succeeds only after those before it: `['add', 'get']`.
   * Others are tried after them.
   */
  readonly order?: readonly (string | number)[]
  /**
   * By command, number or name in `spec`: the errnos with which it may refuse requests of good attributes, of
   * which each is left out in turn. Any other one fails the test: `{ get: ['ENOENT', 'EINVAL'] }`.
   */
  readonly expect?: Readonly<Record<string | number, readonly string[]>>
  /** Only these parts: numbers of commands, or what belongs to no single command, and of that the lifetime. */
  readonly parts?: readonly Part[]
  /** Lets each allocation of each operation fail in turn, instead of all other tests: on debug kernels. */
  readonly faults?: boolean
}

/**
 * Tests of a generic netlink family that nobody has to write: nlctrl tells its operations, attributes and
 * policies, and from them follow requests, what the kernel must answer to them, and what no module may do.
 *
 *     describeFamily('nlex', { module: 'genlexample' })
 *
 * @throws TypeError for a `spec` of another family, and for names that it does not have
 */
export function describeFamily(name: string, options: FamilyOptions = {}): void {
  const { module = [], spec, parts, faults = false, expect: expected, ...given } = options
  const modules = typeof module === 'string' ? [module] : module
  const meaning = spec && new Meaning(spec)
  const subject = new Subject(name, { ...given, modules, meaning, expect: expected })
  describe(name, async () => {
    await subject.load()
    if (faults) {
      group(subject, 'failing allocations', () => failingAllocations(subject))
      return
    }
    const isWanted = (part: Part) => parts === undefined || parts.includes(part)
    for (const operation of subject.family.all)
      if (isWanted(operation.command))
        group(subject, titleOf(subject, operation), () => operationTests(subject, operation))
    if (isWanted('family'))
      group(subject, 'the family', () => {
        headersOfFamily(subject)
        surroundings(subject)
        behaviour(subject)
        if (meaning !== undefined) specified(subject, meaning)
      })
    if (isWanted('lifetime')) group(subject, 'its lifetime', () => lifetime(subject))
  })
}

function titleOf(subject: Subject, { command, kind }: Operation): string {
  return `${subject.commandWords(command)}${kind === 'dump' ? ', dump' : ''}`
}

function operationTests(subject: Subject, operation: Operation): void {
  headers(subject, operation)
  attributes(subject, operation)
  if (operation.kind === 'do') requests(subject, operation)
}

/** Tests with a module of their own. */
function group(subject: Subject, title: string, tests: () => void): void {
  describe(title, () => {
    beforeAll(async () => {
      limitRequests()
      await subject.load()
    })
    afterAll(async () => {
      try {
        await subject.unload()
      } finally {
        unlimitRequests()
      }
    })
    tests()
    if (subject.modules.length > 0)
      it('leaves no references to the module', async () => {
        await subject.endWork()
        expect(subject.references()).toEqual([])
      })
  })
}
