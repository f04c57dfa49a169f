// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { configuration, reasonOf } from './archive.ts'

test("the private apt keeps the machine's network settings, and none of its hooks, lists or sources", () => {
  const dump = [
    'APT "";',
    'APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";',
    'Dir::State::lists "lists/";',
    'Acquire "";',
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::http::Timeout "7";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "true";',
    'Acquire::Languages:: "de";',
  ].join('\n')
  const lines = configuration('/cache/apt', dump).split('\n')
  expect(lines).toContain('Acquire::http::Proxy "http://proxy.example:3128";')
  expect(lines.filter(it => it.includes('http::Timeout'))).toEqual(['Acquire::http::Timeout "7";'])
  expect(lines).toContain('Acquire::https::Timeout "20";')
  expect(lines.join('\n')).not.toMatch(/Post-Invoke|DEP-11|"de"/)
  expect(lines).toContain('Dir::State::lists "/cache/apt/lists";')
  expect(lines).toContain('Dir::State::status "/cache/apt/status";')
})

test.each([
  [
    "Err:1 https://m.example/debian bookworm InRelease\n  Could not resolve 'm.example'\nW: Failed to fetch",
    "Could not resolve 'm.example'",
  ],
  [
    "E: The repository 'https://m.example/debian forky Release' does not have a Release file.\nN: more",
    "The repository 'https://m.example/debian forky Release' does not have a Release file",
  ],
  ['', 'apt does not say why'],
])('the reason in what apt says', (all, reason) => {
  expect(reasonOf({ all })).toBe(reason)
})
