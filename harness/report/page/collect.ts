// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import path from 'node:path'
import type { TestCase, TestModule, Vitest } from 'vitest/node'
import {
  conversationArtifact,
  conversationHeading,
  type SequenceDiagram,
} from '../../../guest/agent/protocol.ts'
import type { ThrownError } from '../../../guest/agent/thrown-error.ts'
import { diagram } from '../../../guest/testing/diagram.ts'
import { ownVersion } from '../../base/version.ts'
import { detailsKey, type FailureDetails } from '../../pool/failure-details.ts'
import { guestLostError } from '../../pool/unfinished.ts'
import { describeReport, type KernelReport } from '../../verdict/describe-splat.ts'
import { commandAgain, quoted } from '../../verdict/evidence-folder.ts'
import { errorsOf, failuresOutside } from '../failures.ts'
import { isNotRun, notRunText } from '../not-run.ts'
import type { FindSource } from '../source-files.ts'
import { durationOf, type KernelSummary, knownReportLines } from '../summary.ts'
import { causesOf } from '../text.ts'
import { Excerpts } from './excerpts.ts'
import type { PageData, PageError, PageExcerpt, PageFailure, PageFile, PageTest } from './page-data.ts'

/** Characters of a test's output. */
const MOST_OUTPUT = 32 * 1024

/** What Vitest does not know of a run. */
export interface PageFacts {
  /** Milliseconds. */
  readonly total: number
  /** Whether the exit status is that of success. */
  readonly passed: boolean
  readonly find: FindSource
}

/** What a page shows of a run. */
export function pageData(
  vitest: Vitest,
  kernels: readonly KernelSummary[],
  { total, passed, find }: PageFacts,
): PageData {
  const excerpts = new Excerpts(vitest.config.root, find)
  const idOf = identifying()
  const modules = vitest.state.getTestModules()
  const files = kernels.flatMap(({ label, suites, error }) =>
    error !== undefined
      ? []
      : suites.flatMap(({ suite, ok }) => {
          const module = modules.find(each => each.project.name === label && each.relativeModuleId === suite)
          return module ? [fileOf(module, ok, vitest.state, { excerpts, idOf })] : []
        }),
  )
  return {
    version: ownVersion(),
    time: Date.now(),
    total,
    ok: passed,
    kernels: kernels.map(({ label, release, origin, error, incomplete, obstacles, bootTime }) => ({
      label,
      release,
      origin,
      problem: error === undefined ? incomplete : `did not run: ${error}`,
      details: obstacles.flatMap(({ details = [] }) => details).join('\n\n'),
      bootTime,
    })),
    files,
    remarks: knownReportLines(kernels),
    unhandled: failuresOutside(vitest).map(({ error }) => errorOf(error, vitest.config.root)),
  }
}

function fileOf(
  module: TestModule,
  ok: boolean,
  state: Vitest['state'],
  { excerpts, idOf }: { readonly excerpts: Excerpts; readonly idOf: ReturnType<typeof identifying> },
): PageFile {
  const kernel = module.project.name
  const { root } = module.project.config
  const name = module.relativeModuleId
  const times = module.diagnostic()
  const errors = [module, ...module.children.allSuites()].flatMap(errorsOf)
  // Not in the type of meta, which is the users'.
  const details = (module.meta() as { readonly [detailsKey]?: FailureDetails })[detailsKey]
  const again = details?.again ?? commandAgain(kernel, name)
  const outputOf = (id: string) =>
    lastOf((state.idMap.get(id)?.logs ?? []).map(({ content }) => content).join(''))
  const kernelLog = details?.kernelLog ?? ''
  const conversations = [module, ...module.children.allSuites()].flatMap(
    each =>
      (each.meta() as { readonly [conversationArtifact]?: SequenceDiagram })[conversationArtifact] ?? [],
  )
  const outside = { errors, conversations, details, kernelLog, again, output: outputOf(module.id) }
  return {
    kernel,
    name,
    ok,
    phases: {
      start: times.environmentSetupDuration + times.prepareDuration,
      load: times.setupDuration + times.collectDuration,
      run: durationOf(module),
    },
    outside: errors.length === 0 ? undefined : failureOf(outside, root, excerpts),
    missed: notRunText(module),
    tests: Array.from(module.children.allTests(), test => {
      const id = idOf(kernel, name, test.fullName)
      const failure = () =>
        failureOf(
          { ...failureFacts(test, commandAgain(kernel, name)), output: outputOf(test.id) },
          root,
          excerpts,
        )
      return testOf(test, id, failure)
    }),
  }
}

function testOf(test: TestCase, id: string, failure: () => PageFailure): PageTest {
  const { state, note } = test.result() as { state: string; note?: string }
  // After --bail tests stay as they were collected.
  const status =
    state === 'pending' || isNotRun(test)
      ? 'not run'
      : state === 'failed' || state === 'passed'
        ? state
        : 'skipped'
  const times = test.diagnostic()
  const shown = { id, name: test.fullName, status, duration: times?.duration ?? 0 } as const
  return {
    ...shown,
    ...(note ? { note } : {}),
    ...(times?.retryCount ? { retries: times.retryCount } : {}),
    ...(status === 'failed' ? { failure: failure() } : {}),
  }
}

/**
 * Short ids of tests by their names, so that links stay true when others are added: Vitest's are by their places.
 * Tests of the same name are told apart by their order.
 */
function identifying(): (...names: readonly string[]) => string {
  const seen = new Map<string, number>()
  return (...names) => {
    const key = JSON.stringify(names)
    const nth = seen.get(key) ?? 0
    seen.set(key, nth + 1)
    return createHash('sha256').update(`${nth}${key}`).digest('base64url').slice(0, 12)
  }
}

/** What is known of a failure, from which a page is made. */
interface FailureFacts {
  readonly errors: readonly ThrownError[]
  readonly conversations: readonly SequenceDiagram[]
  readonly details: FailureDetails | undefined
  readonly kernelLog: string
  readonly again: string
  readonly output: string
}

function failureFacts(test: TestCase, fileAgain: string): Omit<FailureFacts, 'output'> {
  const artifacts = test.artifacts() as readonly { readonly type: string }[]
  const conversations = artifacts.filter(isConversation).map(({ sequence }) => sequence)
  const details = artifacts.find(isDetails)
  const again = `${details?.again ?? fileAgain} -t ${quoted(`^${patternOf(test.fullName)}$`)}`
  const kernelLog = test.meta().kernelLog ?? details?.kernelLog ?? ''
  return { errors: errorsOf(test), conversations, details, kernelLog, again }
}

function failureOf(
  { errors, conversations, details, kernelLog, again, output }: FailureFacts,
  root: string,
  excerpts: Excerpts,
): PageFailure {
  const drawn = conversations.map(each => conversationHeading + diagram(each))
  const reports = [...(details?.reports ?? [])]
  const shown = errors.map((error): PageError => {
    const { message, ...plain } = errorOf(error, root)
    const at = reports.findIndex(report => message.startsWith(describeReport(report)))
    const [report] = at === -1 ? [] : reports.splice(at, 1)
    const excerpt = excerptOf(error, report, excerpts)
    const isLoss = plain.name === guestLostError && details?.loss !== undefined
    return {
      ...plain,
      message: report ? '' : isLoss ? details.loss.reason : message,
      diff: withoutEnd(plain.diff, drawn),
      ...(report ? { report } : {}),
      ...(excerpt ? { excerpt } : {}),
    }
  })
  // The last words of a lost guest are no errors of their own.
  const words = reports.map((report): PageError => {
    const excerpt = excerptOf({}, report, excerpts)
    return { name: '', message: '', diff: '', places: [], report, ...(excerpt ? { excerpt } : {}) }
  })
  return {
    errors: [...shown, ...words],
    conversations,
    kernelLog,
    details: details && { loss: details.loss, evidence: details.evidence },
    output,
    again,
  }
}

/** The sources where a report of the kernel came from, else where a suite failed. */
function excerptOf(
  { stacks = [] }: Pick<ThrownError, 'stacks'>,
  report: KernelReport | undefined,
  excerpts: Excerpts,
): PageExcerpt | undefined {
  for (const { place = '' } of report?.frames ?? []) {
    const excerpt = excerpts.ofModule(place)
    if (excerpt) return excerpt
  }
  for (const { file, line } of stacks) {
    const excerpt = excerpts.ofSuite(file, line)
    if (excerpt) return excerpt
  }
  return undefined
}

function errorOf({ name, message, diff = '', stacks = [], cause }: ThrownError, root: string): PageError {
  const because = causesOf(cause)
    .map(each => `\n${each}`)
    .join('')
  return {
    name,
    message: `${message}${because}`,
    diff,
    places: stacks.map(({ file, line, column }) => `${path.relative(root, file)}:${line}:${column}`),
  }
}

/** The end of a long text. */
function lastOf(text: string): string {
  return text.length > MOST_OUTPUT ? `...${text.slice(-MOST_OUTPUT)}` : text
}

/** A text without one of these at its end: what is drawn is not told in words, too. */
function withoutEnd(text: string, ends: readonly string[]): string {
  const end = ends.find(each => text.endsWith(each))
  return end === undefined ? text : text.slice(0, -end.length).trimEnd()
}

function isConversation(artifact: {
  readonly type: string
}): artifact is { readonly type: string; readonly sequence: SequenceDiagram } {
  return artifact.type === conversationArtifact
}

function isDetails(artifact: {
  readonly type: string
}): artifact is FailureDetails & { readonly type: string } {
  return artifact.type === detailsKey
}

/** The name of a test, as it is shown, as a regular expression that matches the name itself. */
export function patternOf(name: string): string {
  return (
    name
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      // What is shown in place of characters that a terminal would obey.
      .replace(/[\u2400-\u2409\u240b-\u241f\u2421\ufffd]/g, '[^]')
      .replaceAll('\u240a', '[\\s\u240a]+')
      .replace(/\\\\u[0-9a-f]{4}/g, '(.|$&)')
      .replaceAll('\t', '\\s+')
  )
}
