// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import libCoverage, { type CoverageMap, type FileCoverageData, type Range } from 'istanbul-lib-coverage'
import type { GcovFile } from './gcov.ts'

/** What gcov says as Istanbul has it: a line is a statement. Files that are not below `root` are left out. */
export function coverageMap(files: readonly GcovFile[], root: string): CoverageMap {
  const map = libCoverage.createCoverageMap({})
  for (const file of files) {
    const place = path.resolve(root, file.file)
    // Headers of the kernel, and what a build generates.
    if (path.isAbsolute(file.file) || !existsSync(place)) continue
    map.addFileCoverage(fileCoverage(file, place))
  }
  return map
}

/** A source in two maps of different kernels may have different lines: Istanbul merges by places. */
function fileCoverage({ lines, functions }: GcovFile, place: string): FileCoverageData {
  const text = readFileSync(place, 'utf8').split('\n')
  const wholeLine = (line: number, end = text[line - 1]?.length ?? 0): Range => ({
    start: { line, column: 0 },
    end: { line, column: end },
  })
  const coverage: FileCoverageData = {
    path: place,
    statementMap: {},
    s: {},
    branchMap: {},
    b: {},
    fnMap: {},
    f: {},
  }
  // A line of a function that was compiled several times is there as often.
  for (const [line, same] of Map.groupBy(lines, ({ line_number }) => line_number)) {
    coverage.statementMap[line] = wholeLine(line)
    coverage.s[line] = total(same.map(({ count }) => count))
    const [{ branches } = { branches: [] }] = same
    if (branches.length === 0) continue
    // Lines with another number of branches are other branches.
    const loc = wholeLine(line, branches.length)
    coverage.branchMap[line] = { loc, line, type: 'branch', locations: branches.map(() => wholeLine(line)) }
    coverage.b[line] = branches.map((_, index) => total(same.map(each => each.branches[index]?.count ?? 0)))
  }
  const names = [...new Set(functions.map(({ name }) => name))].sort()
  for (const { name, start_line: line, end_line, execution_count } of functions) {
    // Of two functions at one place, as macros make them, Istanbul (3.2.2) would merge one into the other.
    const loc = { start: { line, column: names.indexOf(name) }, end: { line: end_line, column: 0 } }
    const key = `${name}:${line}`
    coverage.fnMap[key] = { name, line, decl: wholeLine(line), loc }
    coverage.f[key] = (coverage.f[key] ?? 0) + execution_count
  }
  return coverage
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
