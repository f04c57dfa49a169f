// SPDX-License-Identifier: MIT
/** Reads KTAP, versions 1 and 2, and the TAP of kselftest: Documentation/dev-tools/ktap.rst of the kernel. */

/** A line with a result, and what it is about. */
export interface KtapTest {
  readonly ok: boolean
  readonly number: number
  readonly name: string
  /** SKIP, TODO, XFAIL, TIMEOUT, ERROR; undefined if there is none. */
  readonly directive: string | undefined
  /** What stands behind the directive. */
  readonly reason: string
  /** The lines before it: those that begin with #, without that, and those that are no KTAP. */
  readonly diagnostics: readonly string[]
  readonly tests: readonly KtapTest[]
}

/** A report, and what in it is against the rules. */
export interface KtapReport {
  readonly tests: readonly KtapTest[]
  /** Why there are none: what stands behind `1..0 # SKIP`. */
  readonly skipped: string | undefined
  readonly hasPlan: boolean
  readonly problems: readonly string[]
  /** The lines after the last result, as diagnostics. */
  readonly rest: readonly string[]
}

const versionLine = /^K?TAP version \d+$/
const planLine = /^1\.\.(\d+)(?: # ?(SKIP) ?(.*))?$/i
/** TAP may leave out numbers, but then a line that begins with "ok" may be anything. */
const resultLine = /^(ok|not ok)(?: (\d+)(?: (.*))?| (- .*)|)$/
const directives = /^(.*?)(?:^| )# ?(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b ?(.*)$/i
/** KUnit names a suite and its module; before 6.2 without a version line. */
const headerLine = /^# (Subtest|module): (.*)$/
const bailLine = /^Bail out! ?(.*)$/

interface Level {
  readonly indent: number
  name: string | undefined
  plan: number | undefined
  readonly tests: KtapTest[]
  diagnostics: string[]
}

/**
 * Lines that are no KTAP, as the kernel log mixes them in, are diagnostics.
 * @param needsPlan whether subtests of that depth, 0 for the whole, need a plan
 */
export function parseKtap(text: string, needsPlan: (depth: number) => boolean = () => true): KtapReport {
  const problems: string[] = []
  const levels: Level[] = [newLevel(0)]
  let subtests: readonly KtapTest[] = []
  let skipped: string | undefined
  const close = (problem: (what: string) => void) => {
    checkPlan(levels.at(-1) as Level, needsPlan(levels.length - 1), problem)
    return levels.pop() as Level
  }
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    const indent = raw.length - raw.trimStart().length
    const problem = (what: string) => problems.push(`line ${index + 1}: ${what}`)
    const opened = () => {
      if (indent > (levels.at(-1) as Level).indent) levels.push(newLevel(indent))
      return levels.at(-1) as Level
    }
    const [, header, headed] = headerLine.exec(line) ?? []
    const [planned, count, skip, reason = ''] = planLine.exec(line) ?? []
    const [bails, why = ''] = bailLine.exec(line) ?? []
    if (versionLine.test(line)) opened()
    else if (header !== undefined) {
      const level = opened()
      if (header === 'Subtest') level.name = headed
    } else if (planned !== undefined) {
      const level = opened()
      if (level.plan !== undefined) problem('a second plan')
      level.plan = Number(count)
      // A plan of nothing needs no reason (TAP 14, "The Plan").
      if ((skip !== undefined || level.plan === 0) && levels.length === 1) skipped = reason
    } else if (bails !== undefined) {
      problem(`it gave up: ${why || 'it does not say why'}`)
    } else if (resultLine.test(line)) {
      while (levels.length > 1 && indent < (levels.at(-1) as Level).indent) subtests = close(problem).tests
      const outer = levels.at(-1) as Level
      const result = resultOf(line, outer, subtests)
      if (result.number !== outer.tests.length + 1)
        problem(`result ${result.number} in the place of ${outer.tests.length + 1}`)
      outer.tests.push(result)
      outer.diagnostics = []
      subtests = []
    } else if (line.startsWith('#'))
      aboutWhat(levels, indent, line)?.diagnostics.push(line.replace(/^# ?/, ''))
    else if (line !== '') levels.at(-1)?.diagnostics.push(line)
  }
  const atTheEnd = (what: string) => void problems.push(`the end: ${what}`)
  while (levels.length > 1) {
    atTheEnd(`no result for the subtests at depth ${levels.length - 1}`)
    const inner = close(atTheEnd)
    levels.at(-1)?.tests.push(withoutResult(inner, levels.at(-1)))
  }
  const top = close(atTheEnd)
  return { tests: top.tests, skipped, hasPlan: top.plan !== undefined, problems, rest: top.diagnostics }
}

/** KUnit (lib/kunit/test.c) indents what a test with parameters logs less than their results. */
function aboutWhat(levels: readonly Level[], indent: number, line: string): Level | undefined {
  const inner = levels.at(-1)
  const [, name, text = ''] = /^# (\S+): (.*)$/.exec(line) ?? []
  if (name !== undefined && name === inner?.name && !text.startsWith('pass:')) return inner
  return levels.findLast(each => each.indent <= indent)
}

function newLevel(indent: number): Level {
  return { indent, name: undefined, plan: undefined, tests: [], diagnostics: [] }
}

function checkPlan({ plan, tests }: Level, isNeeded: boolean, problem: (what: string) => void): void {
  if (plan === undefined) {
    if (isNeeded) problem('no plan')
  } else if (plan !== tests.length) problem(`${tests.length} results of ${plan} planned ones`)
}

function resultOf(line: string, { tests: before, diagnostics }: Level, tests: readonly KtapTest[]): KtapTest {
  const [, ok = '', number, numbered, unnumbered = ''] = resultLine.exec(line) ?? []
  const rest = numbered ?? unnumbered
  const [, name = rest, directive, reason = ''] = directives.exec(rest) ?? []
  return {
    ok: ok === 'ok',
    number: number === undefined ? before.length + 1 : Number(number),
    name: name.replace(/^- /, '').replaceAll('\\#', '#').trim(),
    directive: directive?.toUpperCase(),
    reason,
    diagnostics,
    tests,
  }
}

/** Subtests after which nothing came. */
function withoutResult({ name, tests, diagnostics }: Level, outer: Level | undefined): KtapTest {
  const number = (outer?.tests.length ?? 0) + 1
  const unnamed = `subtests of ${number}`
  return {
    ok: false,
    number,
    name: name ?? unnamed,
    directive: 'ERROR',
    reason: 'no result',
    diagnostics,
    tests,
  }
}
