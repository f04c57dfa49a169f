// SPDX-License-Identifier: MIT
import path from 'node:path'
import { expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { inGuest } from './externals.ts'

const distPath = '/elsewhere/node_modules/vitest/dist'

test.each([
  ['vitest', 'file:///guest/node_modules/vitest/dist/index.mjs'],
  [`/@fs${distPath}/index.js`, 'file:///guest/node_modules/vitest/dist/index.mjs'],
  [`file://${distPath}/runtime.js?v=1`, 'file:///guest/node_modules/vitest/dist/runtime.mjs'],
  ['/node_modules/vitest/dist/index.js', 'file:///guest/node_modules/vitest/dist/index.mjs'],
  ['koffi', 'file:///guest/node_modules/koffi/index.js'],
  ['/node_modules/koffi/index.js', 'file:///guest/node_modules/koffi/index.js'],
  ['/guest/netlink/index.ts', 'file:///guest/packages/x/netlink.mjs'],
  [path.join(ownFolder, 'guest/testing/index.ts'), 'file:///guest/packages/x/testing.mjs'],
  ['/guest/ynl/index.ts', 'file:///guest/packages/x/ynl.mjs'],
])('%s is in the guest', (id, url) => {
  expect(inGuest(id, ownFolder, '/guest/packages/x')).toBe(url)
})

test.each([
  '/suites/echo/echo.test.ts',
  '/node_modules/other/index.js',
  '/guest/netlink/socket/socket.ts',
  'file:///x.ts',
])('%s comes from Vite', id => {
  expect(inGuest(id, ownFolder, '/guest/packages/x')).toBeUndefined()
})
