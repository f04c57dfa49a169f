// SPDX-License-Identifier: MIT
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { withMember } from './json-text.ts'

test.each([
  // An object that is there, and its indentation.
  [
    '{\n\t"a": [1,2],\n\t"scripts": {\n\t\t"b": "x"\n\t}\n}\n',
    '{\n\t"a": [1,2],\n\t"scripts": {\n\t\t"b": "x",\n\t\t"test": "run"\n\t}\n}\n',
  ],
  ['{"scripts": {"b": "{"}, "c": 1}', '{"scripts": {"b": "{", "test": "run"}, "c": 1}'],
  ['{\n  "scripts": {}\n}', '{\n  "scripts": {\n    "test": "run"\n  }\n}'],
  // One that is not.
  ['{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "scripts": {\n    "test": "run"\n  }\n}\n'],
  ['{}', '{\n  "scripts": {\n    "test": "run"\n  }\n}'],
  ['{ "a": 1 }', '{ "a": 1, "scripts": {"test":"run"} }'],
  ['{\r\n    "a": 1\r\n}', '{\r\n    "a": 1,\r\n    "scripts": {\r\n        "test": "run"\r\n    }\r\n}'],
  // A member of that name in another object, and a value that looks like a name.
  [
    '{\n  "x": { "scripts": { "y": 1 } },\n  "v": "scripts"\n}',
    '{\n  "x": { "scripts": { "y": 1 } },\n  "v": "scripts",\n  "scripts": {\n    "test": "run"\n  }\n}',
  ],
])('%j', (before, after) => {
  expect(withMember(before, ['scripts'], 'test', 'run')).toBe(after)
})

test('of any object, what was there stays, and the member is added', () => {
  const json = fc.dictionary(fc.string(), fc.jsonValue())
  fc.assert(
    fc.property(
      json,
      fc.dictionary(fc.string(), fc.string()),
      fc.constantFrom(undefined, 1, '\t'),
      (object, own, indent) => {
        const before = { ...object, scripts: own }
        const text = withMember(JSON.stringify(before, null, indent), ['scripts'], 'test', 'run')
        expect(JSON.parse(text)).toEqual(
          JSON.parse(JSON.stringify({ ...before, scripts: { ...own, test: 'run' } })),
        )
      },
    ),
  )
})
