// SPDX-License-Identifier: MIT

/** A property and its value. */
export interface KeptProperty {
  readonly holder: object
  readonly key: PropertyKey
  readonly value: unknown
}

/**
 * Whether all of these properties still have their values, as a function that uses no built-in. It is made of
 * source with an access for each: a loop, in which V8 (Node 24) looks each up anew, takes six times as long.
 */
export function unchanged(properties: readonly KeptProperty[]): () => boolean {
  const names = properties.map((_, index) => [`holder${index}`, `key${index}`, `value${index}`] as const)
  const tests = properties.map(({ key }, index) => {
    const [holder = '', symbol = '', value = ''] = names[index] ?? []
    return `${holder}[${typeof key === 'symbol' ? symbol : JSON.stringify(key)}] === ${value}`
  })
  const make = new Function(...names.flat(), `return () => ${tests.join(' &&\n') || true}`)
  return make(...properties.flatMap(({ holder, key, value }) => [holder, key, value])) as () => boolean
}
