// SPDX-License-Identifier: MIT
import path from 'node:path'
import { expect, test } from 'vitest'
import { messagesPage } from '../fixtures/messages-page.ts'
import { ownFolder } from './own-folder.ts'

test('docs/messages.md has what the sources say (vitest -u writes it)', async () => {
  await expect(messagesPage()).toMatchFileSnapshot(path.join(ownFolder, 'docs/messages.md'))
})
