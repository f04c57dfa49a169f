// SPDX-License-Identifier: MIT
import { defineConfig } from 'netlink-vmtest/config'

export default defineConfig({ modules: 'src' })
