// SPDX-License-Identifier: MIT
/** Attributes that have the number of another one, as their forms tell. */
import type { Attribute } from '../../netlink/index.ts'
import { widths } from './core-rules.ts'
import type { Operation } from './family.ts'

/** The bytes of an integer, or a text that ends with NUL. */
export type Form = number | 'text'

/** The attributes that are integers of one length, or texts, in all policies that have them. */
export function formsOf(operations: readonly Operation[]): ReadonlyMap<number, Form> {
  const found = new Map<number, Form | undefined>()
  for (const { policy } of operations)
    for (const [type, { type: kind = '' }] of policy ?? []) {
      const form = kind === 'NUL_STRING' ? 'text' : widths[kind]
      found.set(type, found.has(type) && found.get(type) !== form ? undefined : form)
    }
  return new Map([...found].flatMap(([type, form]) => (form === undefined ? [] : [[type, form] as const])))
}

/** An attribute that a message tells twice, of which one is what its policy says, and the other is not. */
export function twins(attributes: readonly Attribute[], forms: ReadonlyMap<number, Form>): string[] {
  return [...forms].flatMap(([type, form]) => {
    const told = attributes.flatMap(each => (each.type === type ? [each.payload] : []))
    const other = told.find(payload => !isOf(form, payload))
    if (other === undefined || !told.some(payload => isOf(form, payload))) return []
    const [own, others] =
      form === 'text' ? ['as a text', 'as something else'] : [`with ${form} bytes`, `with ${other.length}`]
    return [
      `attribute ${type} is told twice, ${own} as its policy says, and ${others}: that is another attribute`,
    ]
  })
}

function isOf(form: Form, payload: Buffer): boolean {
  if (form !== 'text') return payload.length === form
  return payload.at(-1) === 0 && payload.subarray(0, -1).every(byte => byte >= FIRST_PRINTABLE)
}

/** Below it are NUL and control characters. */
const FIRST_PRINTABLE = 0x20
