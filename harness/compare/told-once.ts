// SPDX-License-Identifier: MIT
/** What suites show of a change that is told as what modules are. */
import { type Finding, isOfNlctrl, lineOf } from './finding.ts'

/** Findings of suites, without those that repeat one of modules. */
export function toldOnce(ofSuites: readonly Finding[], ofModules: readonly Finding[]): Finding[] {
  return withoutLoading(withoutFamilies(withoutNlctrl(ofSuites, ofModules), ofModules), ofModules)
}

/** The policy that refuses a value is in the extended ack, too, and the version in each message. */
function withoutFamilies(findings: readonly Finding[], ofModules: readonly Finding[]): Finding[] {
  const told = ofModules.flatMap(({ kind, where, was, is }) => {
    const [, family, what] = (kind === 'family' && /^(.*?): (attribute|version)/.exec(where)) || []
    return family === undefined ? [] : [{ family, what, change: `: ${was} became ${is}` }]
  })
  return findings.filter(
    ({ kind, where, text = '' }) =>
      kind !== 'behaviour' ||
      !told.some(({ family, what, change }) =>
        what === 'version'
          ? text.includes(`version of ${family} `) && text.endsWith(change)
          : where.includes(`${family} `) && text.startsWith(`${where}: the policy in the extended ack `),
      ),
  )
}

/** What nlctrl answers is told as what families are, where that has changed. */
function withoutNlctrl(findings: readonly Finding[], ofModules: readonly Finding[]): Finding[] {
  const told = ofModules.filter(({ kind }) => kind === 'family')
  if (told.length === 0) {
    const isCounted = ofModules.some(isOfLoading)
    return findings.filter(finding => !(isCounted && isOfNlctrl(finding) && isCount(finding)))
  }
  // Whether it finds a family at all follows only from that one's coming, going, or other name.
  const hasMoved = told.some(({ where }) => !where.includes(': ') || where.endsWith(': the name of a family'))
  return findings.filter(finding => !isOfNlctrl(finding) || (!hasMoved && isOutcome(finding)))
}

/** Which modules are loaded with others, and families are there for that. */
function isOfLoading({ kind, where }: Finding): boolean {
  return kind === 'module' && (!where.includes(': ') || where.endsWith(': needs the modules'))
}

/** How many entries a dump has. */
function isCount({ where, text = '' }: Finding): boolean {
  return text.startsWith(`${where}: `) && /: (?:\d+|no) entr(?:y|ies), was /.test(text)
}

/** Whether a request is answered by something else, and not by the same with other content. */
function isOutcome({ where, was, is, text }: Finding): boolean {
  return text === `${where}: ${was} became ${is}`
}

/** What a module logs while it is loaded and unloaded comes in each test that does so, too. */
function withoutLoading(findings: readonly Finding[], ofModules: readonly Finding[]): Finding[] {
  const loading = ofModules.filter(({ kind }) => kind === 'log').map(lineOf)
  const isTold = (line: string | undefined) =>
    line === undefined || loading.some(each => each.includes(`'${line}'`))
  const isLevelTold = (text: string) => {
    const [, line, is, was] = /^the kernel logs ('.*') at level (.*), was ([^']*)$/s.exec(text) ?? []
    const level = `${line}: level ${was} became level ${is}`
    return line !== undefined && loading.some(each => each.endsWith(level))
  }
  return findings.filter(
    ({ kind, where, was, is, text = '' }) =>
      !(kind === 'log' && where === 'while tests run' && ((isTold(was) && isTold(is)) || isLevelTold(text))),
  )
}
