// SPDX-License-Identifier: MIT
/**
 * The built-ins that the helpers and the client library use, and tests can replace. A replaced one makes
 * answers wrong: with an Array.prototype.push that does nothing every exchange would be a silence.
 */

import { type KeptProperty, unchanged } from '../agent/unchanged.ts'

const iteratorOf = (iterable: Iterable<unknown>): object => Object.getPrototypeOf(iterable[Symbol.iterator]())

/** Their holders, as tests name them, and the properties that are used. */
const used: readonly (readonly [string, object, readonly PropertyKey[]])[] = [
  ['globalThis', globalThis, ['Array', 'Buffer', 'Map', 'Number', 'Object', 'Promise', 'Set', 'String']],
  ['Array', Array, ['from', 'isArray']],
  [
    'Array.prototype',
    Array.prototype,
    [
      'every',
      'filter',
      'find',
      'flatMap',
      'join',
      'map',
      'push',
      'shift',
      'slice',
      'some',
      'sort',
      Symbol.iterator,
    ],
  ],
  ["array iterators' prototype", iteratorOf([]), ['next']],
  ['Buffer', Buffer, ['alloc', 'concat', 'from', 'isBuffer']],
  ['Buffer.prototype', Buffer.prototype, ['equals', 'subarray', 'toString', 'readUInt32LE', 'writeInt32LE']],
  ["typed arrays' prototype", Object.getPrototypeOf(Uint8Array.prototype), ['every', 'set']],
  ['Map.prototype', Map.prototype, ['clear', 'delete', 'get', 'has', 'set', Symbol.iterator]],
  ["map iterators' prototype", iteratorOf(new Map()), ['next']],
  ['Object', Object, ['entries', 'freeze', 'fromEntries']],
  ['Promise', Promise, ['race', 'withResolvers']],
  ['Promise.prototype', Promise.prototype, ['catch', 'then']],
  ['RegExp.prototype', RegExp.prototype, ['exec', 'test', Symbol.matchAll, Symbol.replace, Symbol.search]],
  ['Set.prototype', Set.prototype, ['add', 'delete', 'has', Symbol.iterator]],
  ["set iterators' prototype", iteratorOf(new Set()), ['next']],
  ['String.prototype', String.prototype, ['matchAll', 'replace', 'search', 'startsWith']],
]

interface BuiltIn extends KeptProperty {
  readonly place: string
}

/** Their values when this is loaded: before any test. */
const builtIns = used.flatMap(([place, holder, keys]) =>
  keys.map((key): BuiltIn => ({ place, holder, key, value: held(holder, key) })),
)
const areThere = unchanged(builtIns)
const { length } = builtIns

function held(holder: object, key: PropertyKey): unknown {
  return (holder as Readonly<Record<PropertyKey, unknown>>)[key]
}

/**
 * To be called before a helper uses them.
 * @throws Error that names what a test has replaced
 */
export function requireBuiltIns(): void {
  if (areThere()) return
  // without iterators and methods, which may be replaced
  for (let i = 0; i < length; i++) {
    const { place, holder, key, value } = builtIns[i] as BuiltIn
    if (held(holder, key) !== value)
      throw new Error(
        `${place} has another ${typeof key === 'symbol' ? key.description : key} than before the tests, and nothing can be found out without: put it back first`,
      )
  }
}
