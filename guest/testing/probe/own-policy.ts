// SPDX-License-Identifier: MIT
/** Whether a command says by its policy which attributes it is for. */
import type { Family, Operation, Policy } from './family.ts'

/** Whether attributes are refused that are for others: not where all commands have the same policy. */
export function hasOwnPolicy({ all }: Pick<Family, 'all'>, { policy }: Operation): boolean {
  if (policy === undefined) return false
  return all.some(each => each.policy !== undefined && typesOf(each.policy) !== typesOf(policy))
}

/** Whether two commands take the same attributes. */
export function isAlike(one: Operation, other: Operation): boolean {
  return typesOf(one.policy) === typesOf(other.policy)
}

function typesOf(policy: Policy | undefined): string {
  return policy === undefined ? '' : [...policy.keys()].join(' ')
}
