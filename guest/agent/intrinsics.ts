// SPDX-License-Identifier: MIT
/**
 * Built-ins that the test worker needs, as they were before any test ran. A test may replace them while it
 * runs; they are restored after it.
 */

import { unchanged } from './unchanged.ts'

/** An object, and the properties to watch. */
interface Watched {
  readonly name: string
  readonly object: object
  readonly keys: readonly PropertyKey[]
}

interface Kept {
  readonly name: string
  readonly object: object
  readonly key: PropertyKey
  /** Undefined if the object inherits it. */
  readonly descriptor: PropertyDescriptor | undefined
  /** The value behind the descriptor: `process` and `Buffer` are accessors in node. */
  readonly value: unknown
}

const { getOwnPropertyDescriptor, defineProperty } = Object
const { ownKeys, apply, deleteProperty } = Reflect
const { push } = Array.prototype

const globals = [
  ...[
    'Array',
    'Boolean',
    'Error',
    'Function',
    'JSON',
    'Map',
    'Number',
    'Object',
    'Promise',
    'Proxy',
    'Reflect',
  ],
  ...['RegExp', 'Set', 'String', 'Symbol', 'WeakMap', 'WeakSet', 'Uint8Array', 'Buffer', 'TypeError'],
]

/** Objects with functions that Vitest and the worker call between tests. */
const language: readonly Watched[] = [
  { name: 'globalThis', object: globalThis, keys: globals },
  ...[Array, Map, Set, Promise, Function, RegExp, WeakMap, WeakSet].map(type => ({
    name: `${type.name}.prototype`,
    object: type.prototype as object,
    keys: ownKeys(type.prototype),
  })),
  ...[Array, Object, Promise].map(type => ({
    name: type.name,
    object: type,
    keys: ownKeys(type).filter(
      key => typeof (type as unknown as Record<PropertyKey, unknown>)[key] === 'function',
    ),
  })),
  { name: 'String.prototype', object: String.prototype, keys: ownKeys(String.prototype) },
  { name: 'JSON', object: JSON, keys: ['parse', 'stringify'] },
  { name: 'Reflect', object: Reflect, keys: ownKeys(Reflect) },
  { name: 'Buffer', object: Buffer, keys: ['from', 'alloc', 'allocUnsafe', 'concat', 'byteLength'] },
]

/** Objects that tests may replace for the rest of a file: fake timers, mocks. */
const environment: readonly Watched[] = [
  {
    name: 'globalThis',
    object: globalThis,
    keys: [
      ...['process', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'Date'],
      ...['clearImmediate', 'console', 'queueMicrotask', 'performance', 'structuredClone'],
    ],
  },
  {
    name: 'process',
    object: process,
    keys: [
      // 'emit' is guarded in uncaught.ts.
      ...['nextTick', 'hrtime', 'memoryUsage', 'cwd', 'exit', 'on', 'off', 'listeners', 'env'],
      ...['emitWarning', 'uptime', 'stdout', 'stderr'],
    ],
  },
]

const kept = { language: keep(language), environment: keep(environment) }

/** Accessors of prototypes throw or compute when read. */
const isUnchanged = unchanged(
  kept.language
    .filter(({ descriptor, object }) => !descriptor?.get || object === globalThis)
    .map(({ object, key, value }) => ({ holder: object, key, value })),
)

function keep(watched: readonly Watched[]): readonly Kept[] {
  return watched.flatMap(({ name, object, keys }) =>
    keys
      .filter(key => key in object)
      .map(key => {
        const descriptor = getOwnPropertyDescriptor(object, key)
        return { name, object, key, descriptor, value: heldBy(object, descriptor) }
      }),
  )
}

/** Only accessors of globals are read: others compute, and those of Function.prototype throw. */
function heldBy(object: object, { value, get, set }: PropertyDescriptor = {}): unknown {
  return get && set && object === globalThis ? apply(get, object, []) : value
}

/**
 * Restores built-ins of the language that a test has replaced.
 * @returns the names of what was replaced: "Map.prototype.get"
 */
export function restoreLanguage(): string[] {
  return restore(kept.language)
}

/**
 * Whether a test has replaced a value of the language: quicker than to restore it, after each test. Accessors
 * are compared when a file ends, by `restoreLanguage`.
 */
export function isLanguageReplaced(): boolean {
  return !isUnchanged()
}

/** Restores timers, clock, process and the like at a file's end. @returns the names of what was replaced */
export function restoreEnvironment(): string[] {
  return restore(kept.environment)
}

/** Uses nothing that it restores. */
function restore(all: readonly Kept[]): string[] {
  const names: string[] = []
  for (let index = 0; index < all.length; index++) {
    const { name, object, key, descriptor, value } = all[index] as Kept
    const now = getOwnPropertyDescriptor(object, key)
    if (!now === !descriptor && now?.get === descriptor?.get && heldBy(object, now) === value) continue
    // A spy that calls through does no harm; its test restores it.
    if (typeof now?.value === 'function' && '_isMockFunction' in now.value && all === kept.language) continue
    apply(push, names, [`${name}.${typeof key === 'symbol' ? 'Symbol' : key}`])
    try {
      if (descriptor) defineProperty(object, key, descriptor)
      else deleteProperty(object, key)
      if (descriptor?.set && object === globalThis) apply(descriptor.set, object, [value])
    } catch {
      // The test made it impossible to restore.
    }
  }
  return names
}
