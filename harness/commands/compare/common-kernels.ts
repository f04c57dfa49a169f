// SPDX-License-Identifier: MIT
import { MachineryError } from '../../base/errors.ts'
import { inProject, titleOf } from '../../compare/sides.ts'
import { isPrepared } from '../../prepare/matrix.ts'
import type { PreparedSide } from './prepared-side.ts'

/** Sides with the kernels that all of them can run on, and why others are not compared, a line for each. */
export interface OnCommonKernels {
  readonly sides: PreparedSide[]
  readonly lost: readonly string[]
}

/**
 * What a kernel does that only one side can run on, or none, is no change.
 * @throws MachineryError if no kernel is left
 */
export function onCommonKernels(sides: readonly PreparedSide[]): OnCommonKernels {
  const isCommon = (label: string) =>
    sides.every(({ kernels }) => kernels.some(each => each.label === label && isPrepared(each)))
  const labels = new Set(sides.flatMap(({ kernels }) => kernels.map(({ label }) => label)))
  const lost = [...labels].flatMap(label => {
    const why = whyNot(sides, label)
    return why === '' ? [] : [`${label} is not compared: ${why}`]
  })
  const common = sides.map(side => ({
    ...side,
    kernels: side.kernels.filter(({ label }) => isCommon(label)),
  }))
  if (common.some(({ kernels }) => kernels.length === 0))
    throw new MachineryError('there is no kernel that both sides can run on', { details: lost.join('\n') })
  return { sides: common, lost }
}

/** Why a kernel cannot run; '' if nothing is wrong with it. */
function whyNot(sides: readonly PreparedSide[], label: string): string {
  const reasons = sides.flatMap(({ side, opened, kernels }) => {
    const kernel = kernels.find(each => each.label === label)
    if (kernel === undefined || isPrepared(kernel)) return []
    const { message, details = '' } = kernel.error
    const line = details.split('\n').find(each => /error/i.test(each))
    const reason = inProject([message, line].filter(Boolean).join(': '), opened)
    return [{ title: titleOf(side, opened), reason }]
  })
  const [first, second] = reasons
  if (first?.reason === second?.reason && first) return `neither side can run on it: ${first.reason}`
  return reasons.map(({ title, reason }) => `${title}, cannot run on it: ${reason}`).join('; ')
}
