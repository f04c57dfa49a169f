// SPDX-License-Identifier: MIT
/** A file that names changes that are wanted: a project commits it with them. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { parse } from 'yaml'
import { messageOf, UsageError } from '../base/errors.ts'
import { type Finding, lineOf } from './finding.ts'

const entry = v.pipe(
  v.union([
    v.string(),
    v.strictObject({
      /** The finding's line as reports have it; `*` stands for anything. */
      finding: v.string(),
      /** Only on this kernel. */
      kernel: v.optional(v.string()),
      reason: v.optional(v.string()),
    }),
  ]),
  v.transform(each => (typeof each === 'string' ? { finding: each } : each)),
)
const schema = v.array(entry)

/** A change that is wanted. */
export type Acceptance = v.InferOutput<typeof entry>

/**
 * Reads such a file: YAML or JSON, a list of findings' lines, or of objects with `finding`, `kernel`, `reason`.
 * @throws UsageError that names what is wrong
 */
export function readAcceptances(file: string): Acceptance[] {
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    // Below its first line YAML's has the place once more.
    const [first = ''] = messageOf(error).split('\n', 1)
    throw new UsageError(`--accept: cannot read ${file}: ${first.replace(/:$/, '')}`, { cause: error })
  }
  const result = v.safeParse(schema, content ?? [])
  if (result.success) return result.output
  const [issue] = result.issues
  const place = v.getDotPath(issue)?.replace(/^\d+/, number => `entry ${Number(number) + 1}`) ?? 'the file'
  throw new UsageError(
    `--accept: ${file}: ${place}: a list of findings is wanted, each a text or { finding, kernel, reason }`,
  )
}

/** Findings, and what was accepted of them. */
export interface Judged {
  readonly findings: readonly Finding[]
  readonly accepted: readonly Finding[]
  /** What was accepted and did not come. */
  readonly missing: readonly Acceptance[]
}

export function judge(all: readonly Finding[], acceptances: readonly Acceptance[]): Judged {
  const isMatch = (finding: Finding, { finding: line, kernel }: Acceptance) =>
    (kernel === undefined || finding.kernel === kernel) && globOf(line).test(lineOf(finding))
  const isAccepted = (finding: Finding) => acceptances.some(each => isMatch(finding, each))
  return {
    findings: all.filter(finding => !isAccepted(finding)),
    accepted: all.filter(isAccepted),
    missing: acceptances.filter(each => !all.some(finding => isMatch(finding, each))),
  }
}

function globOf(text: string): RegExp {
  // Also as the text has it, with what stands before it.
  const escaped = text
    .trim()
    .replace(/^[✗·] /, '')
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*')}$`, 's')
}
