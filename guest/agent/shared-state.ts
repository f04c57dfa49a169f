// SPDX-License-Identifier: MIT
/**
 * What the files of one process share: globals, built-ins, Node's modules, and what expect() knows. A guest in
 * which a file has changed any of it serves no other.
 */
import { chai, expect } from 'vitest'

const { getOwnPropertyDescriptor, is } = Object
const { ownKeys } = Reflect
const { getBuiltinModule } = process

/** Node's modules that suites use; `assert` decides about tests. */
const modules = [
  ...['assert', 'buffer', 'child_process', 'crypto', 'events', 'fs', 'fs/promises', 'net', 'os', 'path'],
  ...['stream', 'timers', 'timers/promises', 'url', 'util', 'worker_threads'],
] as const

/** Globals of Vitest, which differ from file to file, and of this package. */
const ofHarness = /^(__vite|netlink-vmtest\.)/

/** The properties of an object: the value or the getter of each key. */
interface Properties {
  readonly object: object
  readonly keys: readonly PropertyKey[]
  readonly values: readonly unknown[]
}
type Expect = Pick<typeof expect, 'addSnapshotSerializer'>

/** How many serializers were added: Vitest (5.1.1) has their list to itself. */
let serializers = 0
for (const holder of [expect, chai.expect as unknown as Expect]) {
  const { addSnapshotSerializer: add } = holder
  holder.addSnapshotSerializer = plugin => {
    serializers++
    add.call(holder, plugin)
  }
}

/** How all of it is at one time. */
export class SharedState {
  readonly #objects = [...sharedObjects()].map(propertiesOf)
  readonly #serializers = serializers

  /** The names of the properties that have another value now. A spy is none: Vitest restores it. */
  changed(): string[] {
    const names = this.#serializers === serializers ? [] : ['addSnapshotSerializer']
    for (const before of this.#objects) {
      const now = propertiesOf(before.object)
      // Quickly: hardly ever is anything different.
      if (before.keys.every((key, at) => key === now.keys[at] && is(before.values[at], now.values[at])))
        if (before.keys.length === now.keys.length) continue
      names.push(...differences(before, now))
    }
    return names.filter(name => !ofHarness.test(name))
  }
}

function sharedObjects(): Set<object> {
  const globals = ownKeys(globalThis).map(key => getOwnPropertyDescriptor(globalThis, key)?.value as unknown)
  const known = ['$$jest-matchers-object', 'asymmetric-matchers-object'].map(
    name => (globalThis as Record<symbol, unknown>)[Symbol.for(name)],
  )
  const { matchers, customEqualityTesters } = known[0] as Record<string, unknown>
  const own = [...known, matchers, customEqualityTesters, expect, expect.not, chai.config, chai.assert]
  const all = [...globals, ...modules.map(name => getBuiltinModule(name)), ...own, chai.Assertion]
  return new Set(all.flatMap(each => (isObject(each) ? [each, prototypeOf(each)] : [])).filter(isObject))
}

function prototypeOf(object: object): unknown {
  return typeof object === 'function' ? getOwnPropertyDescriptor(object, 'prototype')?.value : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
}

function isSpy(value: unknown): boolean {
  return typeof value === 'function' && '_isMockFunction' in value
}

function propertiesOf(object: object): Properties {
  const keys = ownKeys(object)
  const values = keys.map(key => {
    const descriptor = getOwnPropertyDescriptor(object, key)
    return descriptor?.get ?? descriptor?.value
  })
  return { object, keys, values }
}

function differences(before: Properties, now: Properties): string[] {
  const [then, after] = [before, now].map(
    ({ keys, values }) => new Map(keys.map((key, at) => [key, values[at]])),
  ) as [Map<PropertyKey, unknown>, Map<PropertyKey, unknown>]
  return [...new Set([...before.keys, ...now.keys])]
    .filter(key => !is(then.get(key), after.get(key)) && !isSpy(after.get(key)))
    .map(nameOf)
}

/** A symbol's name is its description. */
function nameOf(key: PropertyKey): string {
  return typeof key === 'symbol' ? (key.description ?? '') : String(key)
}
