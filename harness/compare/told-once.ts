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
      !told.some(
        ({ family, what, change }) =>
          where.includes(`${family} `) &&
          (what === 'version'
            ? text.startsWith(`${where}: version of `) && text.endsWith(change)
            : text.startsWith(`${where}: the policy in the extended ack `)),
      ),
  )
}

/** What nlctrl answers is told as what families are, where that has changed. */
function withoutNlctrl(findings: readonly Finding[], ofModules: readonly Finding[]): Finding[] {
  const isTold = ofModules.some(({ kind }) => kind === 'family')
  return isTold ? findings.filter(finding => !isOfNlctrl(finding)) : [...findings]
}

/** What a module logs while it is loaded and unloaded comes in each test that does so, too. */
function withoutLoading(findings: readonly Finding[], ofModules: readonly Finding[]): Finding[] {
  const loading = ofModules.filter(({ kind }) => kind === 'log').map(lineOf)
  const isTold = (line: string | undefined) =>
    line === undefined || loading.some(each => each.includes(`'${line}'`))
  return findings.filter(
    ({ kind, where, was, is }) =>
      !(kind === 'log' && where === 'while tests run' && isTold(was) && isTold(is)),
  )
}
