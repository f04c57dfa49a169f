// SPDX-License-Identifier: MIT
import path from 'node:path'
import { expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { settingsPage } from '../fixtures/settings-page.ts'

test('no two settings have the same words', () => {
  const texts = Array.from(settingsPage().matchAll(/^\| `[^`]+` \|.*\| ([^|]+) \|$/gm), ([, text]) => text)
  expect(texts.length).toBeGreaterThan(30)
  expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([])
})

test('docs/configuration.md is the schema in words (vitest -u writes it)', async () => {
  await expect(settingsPage()).toMatchFileSnapshot(path.join(ownFolder, 'docs/configuration.md'))
})
