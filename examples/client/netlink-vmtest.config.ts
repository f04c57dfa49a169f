// SPDX-License-Identifier: MIT
import { defineConfig } from 'netlink-vmtest/config'

export default defineConfig({
  modules: 'src',
  // Built by `npm test` before; guests have it on the PATH, with its libraries.
  image: { programs: ['./client/ask'] },
})
