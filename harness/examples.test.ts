// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'
import { ownVersion } from './base/version.ts'

const examples = path.join(ownFolder, 'examples')

test.each(readdirSync(examples))(
  '%s takes the package from what npm pack makes, and not by its name',
  name => {
    const { devDependencies } = JSON.parse(readFileSync(path.join(examples, name, 'package.json'), 'utf8'))
    expect(devDependencies).toEqual({ 'netlink-vmtest': `file:../../netlink-vmtest-${ownVersion()}.tgz` })
  },
)
