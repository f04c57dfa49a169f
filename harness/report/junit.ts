// SPDX-License-Identifier: MIT
/**
 * JUnit's XML, within the schema of Jenkins (junit-10.xsd of its xunit plugin), and as GitLab reads it: of tests with
 * the same name it takes the first, and of a test's failures, too.
 */
import path from 'node:path'
import type { TestCase, TestModule, TestSuite, Vitest } from 'vitest/node'
import { notRunNote } from '../../guest/agent/protocol.ts'
import { visible as visibleLog } from '../../guest/agent/visible.ts'
import { errorsOf, type Failure, failuresOutside } from './failures.ts'
import { isNotRun, notRunText } from './not-run.ts'
import { durationOf, type KernelSummary } from './summary.ts'
import { directions, numbered, oneLine } from './text.ts'

type Entity = TestModule | TestSuite | TestCase

/** A run's report: a suite is a test file on a kernel; a kernel without files that did not run has an error. */
export function junit(vitest: Vitest, kernels: readonly KernelSummary[]): string {
  const rank = ({ project }: TestModule) => kernels.findIndex(({ label }) => label === project.name)
  const modules = vitest.state
    .getTestModules()
    .toSorted((a, b) => rank(a) - rank(b) || (a.relativeModuleId < b.relativeModuleId ? -1 : 1))
  // Where others run, its files have failed for that reason.
  const obstacles = kernels.filter(
    ({ label, error }) => error !== undefined && !modules.some(({ project }) => project.name === label),
  )
  const suites = [...modules.map(module => suiteOf(vitest, module)), ...obstacles.map(suiteOfObstacle)]
  const outside = failuresOutside(vitest)
  if (outside.length > 0) suites.push(suiteOfErrors(vitest, outside))
  const total = (count: (suite: Suite) => number) => suites.reduce((sum, suite) => sum + count(suite), 0)
  const attributes = {
    name: 'netlink-vmtest',
    tests: total(({ cases }) => cases.length),
    failures: total(({ failures }) => failures),
    errors: total(({ errors }) => errors),
    time: seconds(total(({ duration }) => duration)),
  }
  const xml = element('testsuites', attributes, suites.map(xmlOfSuite))
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml}\n`
}

interface Suite {
  readonly name: string
  readonly file: string | undefined
  readonly start: number | undefined
  /** Milliseconds. */
  readonly duration: number
  readonly cases: readonly string[]
  readonly failures: number
  readonly errors: number
  readonly skipped: number
  /** What is told once for several tests. */
  readonly note: string | undefined
}

function suiteOf(vitest: Vitest, module: TestModule): Suite {
  const kernel = module.project.name
  const name = `${kernel} ${module.relativeModuleId}`
  const tests = [...module.children.allTests()]
  // Errors of hooks have no test of their own.
  const broken = [module, ...module.children.allSuites()].filter(each => each.errors().length > 0)
  const unique = numbering()
  const cases = [...tests, ...broken].map(entity => {
    const title = entity.type === 'module' ? entity.relativeModuleId : entity.fullName
    return caseOf(vitest, entity, name, unique(title))
  })
  const starts = tests.flatMap(test => test.diagnostic()?.startTime ?? [])
  return {
    name,
    file: module.relativeModuleId,
    start: starts.length > 0 ? Math.min(...starts) : undefined,
    duration: durationOf(module),
    cases,
    failures: broken.length + tests.filter(test => test.result().state === 'failed').length,
    errors: 0,
    skipped: tests.filter(test => reasonToSkip(test) !== undefined).length,
    note: notRunText(module),
  }
}

/** A kernel without any test: CI systems show only what is in a testcase. */
function suiteOfObstacle({ label, error = '', obstacles }: KernelSummary): Suite {
  const texts = obstacles.map(({ message, details }) => [message, details].filter(Boolean).join('\n\n'))
  const xml = element('error', { message: oneLine(error), type: 'NotRun' }, [escaped(texts.join('\n\n'))])
  const cases = [element('testcase', { classname: label, name: 'did not run', time: seconds(0) }, [xml])]
  return {
    ...{ name: label, file: undefined, start: undefined, duration: 0, cases, failures: 0, skipped: 0 },
    ...{ errors: 1, note: undefined },
  }
}

function suiteOfErrors(vitest: Vitest, errors: readonly Failure[]): Suite {
  const name = 'errors outside of tests'
  const unique = numbering()
  const cases = errors.map(({ error }) => {
    const { name: type, message } = error
    const title = unique(`${type}: ${firstLine(message)}`)
    const project = vitest.getRootProject()
    const text = vitest.logger.formatError(error, { project }).output
    const xml = element('error', { message: firstLine(message), type }, [escaped(text.trim())])
    return element('testcase', { classname: name, name: title, time: seconds(0) }, [xml])
  })
  return {
    ...{ name, file: undefined, start: undefined, duration: 0, cases, failures: 0, skipped: 0 },
    ...{ errors: errors.length, note: undefined },
  }
}

function xmlOfSuite({ name, file, start, duration, cases, failures, errors, skipped, note }: Suite): string {
  return element(
    'testsuite',
    {
      name,
      ...(file === undefined ? {} : { file }),
      ...(start === undefined ? {} : { timestamp: new Date(start).toISOString() }),
      ...{ tests: cases.length, failures, errors, skipped, time: seconds(duration) },
    },
    [...cases, ...(note === undefined ? [] : [element('system-err', {}, [escaped(note)])])],
  )
}

function caseOf(vitest: Vitest, entity: Entity, classname: string, name: string): string {
  const test = entity.type === 'test' ? entity : undefined
  const reason = test && reasonToSkip(test)
  const output = (type: 'stdout' | 'stderr') =>
    entity
      .logs()
      .filter(log => log.type === type)
      .map(({ content }) => content)
      .join('')
  const said = [output('stdout'), ...(test ? annotationsOf(test) : []), kernelLogOf(entity)].filter(Boolean)
  const complained = output('stderr')
  return element('testcase', { classname, name, time: seconds(test?.diagnostic()?.duration ?? 0) }, [
    ...failureOf(vitest, entity),
    ...(reason === undefined ? [] : [element('skipped', reason === '' ? {} : { message: reason }, [])]),
    ...(said.length === 0 ? [] : [element('system-out', {}, [escaped(said.join('\n\n'))])]),
    ...(complained === '' ? [] : [element('system-err', {}, [escaped(complained)])]),
  ])
}

/** All errors of a test in one failure. */
function failureOf(vitest: Vitest, entity: Entity): string[] {
  const errors = errorsOf(entity)
  const [first] = errors
  if (first === undefined) return []
  const { project } = entity
  const text = errors.map(error => vitest.logger.formatError(error, { project }).output.trim()).join('\n\n')
  return [element('failure', { message: firstLine(first.message), type: first.name }, [escaped(text)])]
}

/** Why a test did not run, as far as anybody has said; undefined if it ran. */
function reasonToSkip(test: TestCase): string | undefined {
  const result = test.result()
  if (isNotRun(test) || result.state === 'pending') return notRunNote
  if (result.state !== 'skipped') return undefined
  return result.note ?? (test.options.mode === 'todo' ? 'todo' : '')
}

function annotationsOf(test: TestCase): string[] {
  return test.annotations().map(({ type, message, location }) => {
    const where = location
      ? ` (${path.relative(test.project.config.root, location.file)}:${location.line})`
      : ''
    return `${type}: ${message}${where}`
  })
}

function kernelLogOf(entity: Entity): string {
  const { kernelLog } = entity.meta()
  // Nobody has coloured it: what looks so is shown.
  return kernelLog === undefined ? '' : `kernel log:\n${visibleLog(kernelLog)}`
}

/** The text of a failure has all of it. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

/** Numbers names that come again. */
function numbering(): (name: string) => string {
  const used = new Set<string>()
  return name => {
    let unique = name
    for (let number = 2; used.has(unique); number++) unique = `${name} (${number})`
    used.add(unique)
    return unique
  }
}

/** Seconds in the form that Jenkins's schema has for them. */
function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}

function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  children: readonly string[],
): string {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${attribute(String(value))}"`)
  const start = `<${name}${given.join('')}`
  if (children.length === 0) return `${start}/>`
  // No blanks around texts, which are theirs.
  const [first = ''] = children
  const inner = first.startsWith('<') ? `\n${children.join('\n')}\n` : first
  return `${start}>${inner}</${name}>`
}

/** Line ends in attributes would be read as blanks. */
function attribute(text: string): string {
  return escaped(text).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')
}

/** Text of XML 1.0, which has no control characters: they are shown as Unicode's pictures of them. */
function escaped(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function visible(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
      .replaceAll(/\u001b\[[0-9;]*m/g, '')
      .replaceAll('\r\n', '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML forbids
      .replaceAll(/[\u0000-\u0008\u000b-\u001f]/g, it => String.fromCodePoint(0x2400 + it.charCodeAt(0)))
      .replaceAll('\u007f', '\u2421')
      .replaceAll(/[\u0080-\u009f\ufffe\uffff]/g, '\ufffd')
      .replaceAll(directions, numbered)
      .toWellFormed()
  )
}
