// SPDX-License-Identifier: MIT
/** `probe --describe`: what families of generic netlink are, as the kernel of a guest tells it. */
import path from 'node:path'
import { guestPaths } from '../../../guest/agent/protocol.ts'
import type { DescribeRequest, Description } from '../../../guest/testing/describes.ts'
import { differences, withNames } from '../../../guest/ynl/agreement.ts'
import { familyMarkdown, familyText } from '../../../guest/ynl/describe.ts'
import { draftSpecification } from '../../../guest/ynl/draft.ts'
import type { FamilyFacts } from '../../../guest/ynl/facts.ts'
import type { Specification } from '../../../guest/ynl/specification.ts'
import { formatSpecification } from '../../../guest/ynl/writer.ts'
import { bundleGuestProgram } from '../../../images/guest-runtime.ts'
import { ExitStatus, MachineryError, ModuleError, UsageError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { ownModule } from '../../base/own-folder.ts'
import { lastLines } from '../../base/process.ts'
import { consoleProgress } from '../../base/progress.ts'
import { labelsOf } from '../../prepare/matrix.ts'
import type { Settings } from '../../prepare/settings.ts'
import { requireWritable, writeReport } from '../../report/files.ts'
import { type Session, startCommand, statusOf, withSession } from '../../session/session.ts'
import { readSpecification } from '../read-specification.ts'
import type { ProbeOptions } from './probe.ts'

/** The options of `probe --describe`. */
export interface DescribeOptions {
  readonly kernel?: string
  /** A folder of modules in place of the project's. */
  readonly modules?: string
  /** Modules whose families are described; all under test if empty. */
  readonly module: readonly string[]
  /** Families that are described; all of the modules if empty. */
  readonly family: readonly string[]
  /** Specifications: names, and what differs. */
  readonly spec: readonly string[]
  /** Files to write, besides the text on stdout. */
  readonly markdown?: string
  readonly json?: string
  /** A draft of a specification; of one family. */
  readonly yaml?: string
}

/** The options of `probe` that only this has. */
export interface DescribeFlags {
  readonly describe?: boolean
  readonly yaml?: string
}

/**
 * The options of the command line.
 * @param rest filters and Vitest's options
 * @throws UsageError for those that tests have, and several kernels
 */
export function describeOptions(
  options: ProbeOptions & DescribeFlags,
  rest: readonly string[],
  settings: Pick<Settings, 'kernels' | 'matrix'>,
): DescribeOptions {
  const { module, family, spec, markdown, json, yaml, modules, isolate, kernel, describe, ...tests } = options
  const [other] = [
    // Those that may be given several times are empty lists where they are not given.
    ...Object.entries(tests)
      .filter(([, value]) => !(Array.isArray(value) && value.length === 0))
      .map(([name]) => `--${name}`),
    ...(isolate === false ? ['--no-isolate'] : []),
    ...rest,
  ]
  if (other !== undefined) throw new UsageError(`--describe tests nothing: leave out ${other}`)
  const [label, second] = labelsOf(kernel === undefined ? {} : { kernel }, settings)
  if (second !== undefined && kernel !== undefined)
    throw new UsageError(`--describe asks one kernel: choose ${label} or ${second}`)
  const given = { kernel: label, modules, markdown, json, yaml }
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { ...present, module, family, spec }
}

/** A family, and where it differs from its specification, if there is one. */
interface Described extends FamilyFacts {
  /** The module that has registered it. */
  readonly module?: string
  readonly differences?: readonly string[]
}

const place = '/run/netlink-vmtest/describes.js'
/** Milliseconds for all modules together: a module may never return from its init function. */
const LIMIT = 120_000

/** Describes families on stdout and in files. @returns and throws as {@link report} */
export async function describe(
  options: DescribeOptions,
  settings: Settings,
  root: string,
): Promise<ExitStatus> {
  const { markdown, json, yaml, spec } = options
  for (const file of [markdown, json, yaml]) if (file !== undefined) requireWritable(file)
  const { note } = consoleProgress()
  const specifications = new Map(
    spec.map(file => {
      const { specification } = readSpecification(file, note)
      return [specification.name, specification]
    }),
  )
  return report(await ask(options, settings, root), specifications, options, note)
}

/**
 * Writes what was told.
 * @param specifications by the families' names
 * @param note tells of modules that were not loaded
 * @returns status 1 if a module was not loaded
 * @throws UsageError for a family that is not there, or where there is nothing to describe
 */
export function report(
  told: readonly Description[],
  specifications: ReadonlyMap<string, Specification>,
  { markdown, json, yaml }: Pick<DescribeOptions, 'markdown' | 'json' | 'yaml'>,
  note: (text: string) => void,
): ExitStatus {
  const refused = told.filter(it => 'refused' in it)
  for (const { refused: name, message } of refused)
    note(`${name} cannot be described: ${message.split('\n', 1)[0]}`)
  for (const it of told)
    if ('missing' in it)
      throw new UsageError(`--family: there is no family ${it.missing}: ${likely(it.missing, it.known)}`)
  const described = told.flatMap(it => ('family' in it ? [withSpecification(it, specifications)] : []))
  if (described.length === 0) throw nothing(refused.map(({ refused }) => refused))
  if (yaml !== undefined && described.length > 1)
    throw new UsageError(
      `--yaml is of one family: choose by --family one of ${described.map(({ name }) => name).join(', ')}`,
    )
  process.stdout.write(`${described.map(textOf).join('\n\n')}\n`)
  if (markdown !== undefined) writeReport(markdown, `${described.map(markdownOf).join('\n\n')}\n`)
  if (json !== undefined) writeReport(json, `${JSON.stringify(described, null, 2)}\n`)
  const [only] = described
  if (yaml !== undefined && only) writeReport(yaml, formatSpecification(draftSpecification(only)))
  return refused.length > 0 ? ExitStatus.failed : ExitStatus.passed
}

function nothing(refused: readonly string[]): UsageError | ModuleError {
  return refused.length > 0
    ? new ModuleError(`there is nothing to describe: ${refused.join(', ')} cannot be loaded`)
    : new UsageError(
        'there is nothing to describe: no module registers a family of generic netlink; --family NAME describes one of the kernel',
      )
}

function likely(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  return near === undefined ? `choose one of ${known.join(', ')}` : `did you mean ${near}?`
}

function withSpecification(
  { family, module }: Extract<Description, { family: unknown }>,
  specifications: ReadonlyMap<string, Specification>,
): Described {
  const specification = specifications.get(family.name)
  const of = module === undefined ? {} : { module }
  if (specification === undefined) return { ...family, ...of }
  return { ...withNames(family, specification), ...of, differences: differences(family, specification) }
}

function textOf(described: Described): string {
  const { differences } = described
  const lines = differences?.map(line => `    ${line}`) ?? []
  const head = differences?.length === 0 ? '  the specification agrees' : '  the specification differs'
  return [familyText(described), ...(differences ? [head, ...lines] : [])].join('\n')
}

function markdownOf(described: Described): string {
  const { differences } = described
  const head = '### Differences from the specification'
  const lines = differences?.map(line => `- ${line}`).join('\n')
  return [familyMarkdown(described), ...(lines === undefined ? [] : [head, lines || 'None.'])].join('\n\n')
}

/** Asks in a guest. */
async function ask(options: DescribeOptions, settings: Settings, root: string): Promise<Description[]> {
  const { kernel, modules, family } = options
  const program = bundleGuestProgram(ownModule('guest/testing/describes'))
  // Whoever waits for it gets the error.
  program.catch(() => {})
  const session = {
    ...(kernel !== undefined && { kernel }),
    ...(modules !== undefined && { modules }),
    ...{ module: [], copy: [] },
  }
  return await withSession(session, settings, root, async session => {
    const underTest = session.prepared.delivery.moduleNames
    const named = options.module.map(name => path.basename(name, '.ko').replaceAll('-', '_'))
    const unknown = named.find(name => !underTest.includes(name))
    if (unknown !== undefined)
      throw new UsageError(`--module: no module ${unknown} is under test: ${likely(unknown, underTest)}`)
    await session.guest.deliver([{ path: place, content: await program }])
    return await run(session, { modules: named.length > 0 ? named : underTest, families: family })
  })
}

async function run(session: Session, request: DescribeRequest): Promise<Description[]> {
  let output = ''
  let errors = ''
  const variable = `NETLINK_VMTEST_MODULES=${guestPaths.modules}`
  const command = ['env', variable, 'node', place, JSON.stringify(request)]
  const started = await startCommand(session, command, {}, program => {
    program.on('output', (stream, data, taken) => {
      if (stream === 'stdout') output += data
      else errors += data
      taken()
    })
  })
  if ('reason' in started) throw new MachineryError(started.reason)
  started.endInput()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new ModuleError(`the module does not come back from its init within ${LIMIT / 1000} s`)),
    LIMIT,
  )
  try {
    if (statusOf(await Promise.race([started.exited, late])) !== 0)
      throw new MachineryError(`the families could not be described in ${session.guest.label}`, {
        details: lastLines(errors, 20),
      })
  } finally {
    clearTimeout(timer)
  }
  return output
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Description)
}
