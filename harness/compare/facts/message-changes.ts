// SPDX-License-Identifier: MIT
/** Warnings that came and went. */
import { type Change, changed, unequal } from './changes.ts'
import type { Message } from './messages.ts'

/** @param tool who says it */
export function messageChanges(tool: string, was: readonly Message[], is: readonly Message[]): Change[] {
  const { gone, fresh } = unequal(was, is, ({ place, text }) => `${place}\n${text}`)
  const about = ({ place }: Message) => `${place}: ${tool}`
  return [
    ...gone.flatMap(each => changed('warning', about(each), each.text, undefined, { matters: false })),
    ...fresh.flatMap(each => changed('warning', about(each), undefined, each.text)),
  ]
}
