// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { UsageError } from '../harness/base/errors.ts'
import { silentProgress } from '../harness/base/progress.ts'
import { seriesOf } from './debian/series.ts'
import { hostLabel, knownLabels, provideKernel } from './provide.ts'

const debian = (codename: string) =>
  `PRETTY_NAME="Debian GNU/Linux"\nID=debian\nVERSION_CODENAME=${codename}\n`

test.each([
  ['bullseye', 'debian-5.10'],
  ['bookworm', 'debian-6.1'],
  ['trixie', 'debian-6.12'],
])("the default on %s is its own kernel's series, %s", (codename, label) => {
  expect(hostLabel(debian(codename))).toBe(label)
  expect(knownLabels()).toContain(label)
})

test.each([['PRETTY_NAME="Other OS 1"\nID=other\nVERSION_CODENAME=bookworm\n'], [debian('forky')], ['']])(
  'another system has no default, and is told about --kernel',
  osRelease => {
    expect(() => hostLabel(osRelease)).toThrow(UsageError)
    expect(() => hostLabel(osRelease)).toThrow(/--kernel/)
  },
)

test.each(['', 'debian', 'debian-', 'debian-6', 'debian-6.1.2', 'debian-4.19', 'Debian-6.1', 'linux-6.1'])(
  'an unknown label %j is refused with the known ones named',
  async label => {
    const refused = provideKernel(label, { progress: silentProgress })
    await expect(refused).rejects.toThrow(UsageError)
    await expect(refused).rejects.toThrow(/debian-5\.10, debian-6\.1, debian-6\.12/)
  },
)

test('a series newer than this code is looked for where Debian puts new kernels', () => {
  expect(seriesOf('debian-8.0')).toEqual({ series: '8.0', groups: [['trixie-backports', 'sid']] })
  expect(seriesOf('debian-6.1')?.groups).toEqual([['bookworm', 'bookworm-security']])
  expect(seriesOf('debian-full-6.1')).toEqual({ ...seriesOf('debian-6.1'), flavour: 'amd64' })
})
