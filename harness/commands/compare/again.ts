// SPDX-License-Identifier: MIT
import { frontDoorFromHere } from '../../base/own-folder.ts'
import { quoted } from '../../verdict/evidence-folder.ts'

/** A command line of `compare`. */
interface Given {
  readonly options: {
    readonly baseline?: string
    readonly spec?: readonly string[]
    readonly probe?: boolean
  }
  /** What it has beside these options. */
  readonly rest: readonly string[]
  /** The words in that, and how many of them, the last ones, choose files. */
  readonly words: readonly string[]
  readonly filters: number
}

/** This command, without kernels and files: those of a finding are added to it. */
export function commandAgain({ options, rest, words, filters }: Given): string {
  const { baseline, spec = [], probe = true } = options
  const parts = [
    ...words.slice(0, words.length - filters),
    ...(baseline === undefined ? [] : ['--baseline', baseline]),
    ...spec.flatMap(file => ['--spec', file]),
    ...(probe ? [] : ['--no-probe']),
    ...withoutWords(rest, words),
  ]
  return [frontDoorFromHere(), 'compare', ...parts].map(quoted).join(' ')
}

/** The options in arguments, with their values. */
function withoutWords(rest: readonly string[], words: readonly string[]): string[] {
  const left = [...words]
  return rest.filter(argument => {
    if (argument === '--') return false
    if (argument !== left[0]) return true
    left.shift()
    return false
  })
}
