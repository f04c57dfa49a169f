// SPDX-License-Identifier: MIT
import { defineConfig } from 'netlink-vmtest/config'

export default defineConfig({
  // In the order of building: frames uses what tally exports.
  modules: [
    { dir: 'tally', sources: ['include'] },
    { dir: 'frames', sources: ['include'] },
  ],
})
