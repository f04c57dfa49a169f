import { expect, test } from 'vitest'
import type { Resolution } from './packages.ts'
import { changed } from './resolved.ts'

const resolution = (release: string, ...packages: [name: string, version: string][]): Resolution => ({
  release,
  packages: packages.map(([name, version]) => ({
    name,
    version,
    suite: 'sid',
    archive: 'main',
    file: `pool/${name}_${version}.deb`,
    size: 1,
    sha256: `${name} ${version}`,
  })),
})

test.each([
  [
    'another release',
    resolution('7.2.14', ['linux', '7.2.14-1']),
    '7.2.14 (7.2.14-1) now, 7.2.13 (7.2.13-1) before',
  ],
  [
    'another build of it',
    resolution('7.2.13', ['linux', '7.2.13-2']),
    '7.2.13 (7.2.13-2) now, 7.2.13 (7.2.13-1) before',
  ],
  [
    'a library only',
    resolution('7.2.13', ['linux', '7.2.13-1'], ['libc6', '2.42-2']),
    'libc6 2.42-2 now, 2.42-1 before',
  ],
  ['nothing', resolution('7.2.13', ['linux', '7.2.13-1'], ['libc6', '2.42-1']), undefined],
])('what has changed: %s', (_what, now, text) => {
  expect(changed(resolution('7.2.13', ['linux', '7.2.13-1'], ['libc6', '2.42-1']), now)).toBe(text)
})
