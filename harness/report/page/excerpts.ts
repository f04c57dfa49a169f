// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { FindSource } from '../source-files.ts'
import type { PageExcerpt } from './page-data.ts'

/** Lines before and after the one that a place names. */
const AROUND = 3
/** Longer lines are cut: they are of files that no person wrote. */
const LONGEST = 400

/** Reads what the sources say at the places of failures, as far as they are on this machine. */
export class Excerpts {
  readonly #root: string
  readonly #find: FindSource
  readonly #files = new Map<string, readonly string[]>()

  /** @param root the project's folder: of files elsewhere nothing is shown */
  constructor(root: string, find: FindSource) {
    this.#root = root
    this.#find = find
  }

  /** Of a suite, or what it imports. */
  ofSuite(file: string, line: number): PageExcerpt | undefined {
    const name = path.relative(this.#root, file)
    const isElsewhere =
      path.isAbsolute(name) || name.split(path.sep).some(part => part === '..' || part === 'node_modules')
    return isElsewhere ? undefined : this.#at(path.join(this.#root, name), name, line)
  }

  /** Of a module under test. @param place "faults.c:45", or "faults.c:45, inlined in faults.c:60" */
  ofModule(place: string): PageExcerpt | undefined {
    const [, name = '', line] = /^([^\s:,]+):(\d+)/.exec(place) ?? []
    const isNone = name === '' || name.split('/').includes('..')
    const file = isNone ? undefined : this.#find(name)
    return file === undefined ? undefined : this.#at(file, name, Number(line))
  }

  #at(file: string, name: string, line: number): PageExcerpt | undefined {
    const all = this.#linesOf(file)
    if (line < 1 || line > all.length) return undefined
    const first = Math.max(1, line - AROUND)
    const lines = all.slice(first - 1, line + AROUND).map(each => each.slice(0, LONGEST))
    return { name, first, line, lines }
  }

  #linesOf(file: string): readonly string[] {
    let lines = this.#files.get(file)
    if (lines === undefined) {
      try {
        lines = readFileSync(file, 'utf8').replace(/\n$/, '').split('\n')
      } catch {
        lines = [] // of another machine, or gone
      }
      this.#files.set(file, lines)
    }
    return lines
  }
}
