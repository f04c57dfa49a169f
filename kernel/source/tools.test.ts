// SPDX-License-Identifier: MIT
import { expect, onTestFinished, test, vi } from 'vitest'
import { requireBuildTools } from './tools.ts'

test('what building a kernel lacks is named, with the packages that have it', async () => {
  vi.stubEnv('PATH', '/nowhere')
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(requireBuildTools('minimal-6.12')).rejects.toThrow(
    /^building minimal-6\.12 from source needs gcc, make, flex, .*: run \.\/run-vm\.sh build --kernel minimal-6\.12, or apt-get install gcc make flex bison bc perl xz-utils libelf-dev libc6-dev$/,
  )
})
