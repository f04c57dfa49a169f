// SPDX-License-Identifier: MIT
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { debianTargets, machineSources, parseTargets, signedByOf, withUnread } from './sources.ts'

const line = (uri: string, suite: string, label: string, component = 'main') =>
  [uri, suite, component, label, '/etc/apt/sources.list.d/x.sources:1'].join('\t')

test("finds Debian's archives by the label of their Release files, whatever the suites are called", () => {
  const targets = parseTargets(
    [
      line('https://vendor.example/linux/', 'stable', 'Vendor'),
      line('https://mirror.example/debian/', 'oldstable', 'Debian', 'contrib'),
      line('https://mirror.example/debian/', 'oldstable', 'Debian'),
      line('https://mirror.example/security/', 'oldstable-security', 'Debian-Security'),
    ].join('\n'),
  )
  expect(debianTargets(targets)).toMatchObject({
    main: { uri: 'https://mirror.example/debian/', file: '/etc/apt/sources.list.d/x.sources' },
    security: { uri: 'https://mirror.example/security/' },
  })
})

test('where apt has fetched no Release file yet, the code names of suites have to do', () => {
  const targets = parseTargets(
    [
      line('https://vendor.example/linux/', 'stable', '$(LABEL)'),
      line('https://mirror.example/security/', 'bookworm-security', '$(LABEL)'),
      line('https://mirror.example/debian/', 'bookworm-updates', '$(LABEL)'),
    ].join('\n'),
  )
  expect(debianTargets(targets)).toMatchObject({
    main: { uri: 'https://mirror.example/debian/' },
    security: { uri: 'https://mirror.example/security/' },
  })
})

test('an archive whose lists apt has not read is known by its name, beside others that it has read', () => {
  const released = parseTargets(
    [
      line('https://vendor.example/debian/', 'bookworm-security', 'Vendor'),
      line('https://mirror.example/debian/', 'bookworm', 'Debian'),
    ].join('\n'),
  )
  const configured = parseTargets(
    [
      line('https://vendor.example/debian/', 'bookworm-security', '$(LABEL)'),
      line('https://other.example/debian/', 'bookworm', '$(LABEL)'),
      line('https://mirror.example/debian/', 'bookworm', '$(LABEL)'),
      line('https://mirror.example/security/', 'bookworm-security', '$(LABEL)'),
    ].join('\n'),
  )
  expect(debianTargets(withUnread(released, configured))).toMatchObject({
    main: { uri: 'https://mirror.example/debian/' },
    security: { uri: 'https://mirror.example/security/' },
  })
})

test.each([
  { read: 'the lists of the main archive only', lists: ['bookworm'] },
  { read: 'no lists', lists: [] },
])("this machine's apt, having read $read, names both archives", async ({ lists }) => {
  const root = await mkdtemp(path.join(tmpdir(), 'netlink-vmtest-sources-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await mkdir(path.join(root, 'lists/partial'), { recursive: true })
  for (const suite of lists) {
    const prefix = path.join(root, `lists/mirror.example_debian_dists_${suite}`)
    await writeFile(
      `${prefix}_InRelease`,
      `Origin: Debian\nLabel: Debian\nSuite: oldstable\nCodename: ${suite}\nComponents: main\nArchitectures: amd64\nSHA256:\n ${'0'.repeat(64)} 0 main/binary-amd64/Packages\n`,
    )
    await writeFile(`${prefix}_main_binary-amd64_Packages`, '')
  }
  await writeFile(
    path.join(root, 'sources.list'),
    [
      'deb [signed-by=/debian.gpg] https://mirror.example/debian bookworm main',
      'deb [signed-by=/debian.gpg] https://mirror.example/security bookworm-security main',
    ].join('\n'),
  )
  const settings = {
    'APT::Architecture': 'amd64',
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::sourcelist': path.join(root, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': path.join(root, 'lists'),
  }
  await writeFile(
    path.join(root, 'apt.conf'),
    Object.entries(settings)
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(''),
  )
  vi.stubEnv('APT_CONFIG', path.join(root, 'apt.conf'))
  onTestFinished(() => void vi.unstubAllEnvs())

  const signedBy = '/debian.gpg'
  expect(await machineSources()).toEqual({
    main: { uri: 'https://mirror.example/debian', signedBy },
    security: { uri: 'https://mirror.example/security', signedBy },
  })
})

test('nothing is made up for a machine that has no Debian archive', () => {
  expect(debianTargets(parseTargets(line('https://vendor.example/', 'noble', 'Ubuntu')))).toEqual({})
  expect(debianTargets(parseTargets(''))).toEqual({})
})

test('Signed-By of a deb822 entry: a path, or key text over several lines', () => {
  const file = `# comment
Types: deb
# another
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://a.example/x https://mirror.example/security/
Suites: bookworm-security
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
Components: main

Types: deb
URIs: https://unsigned.example/debian
Suites: x
`
  const of = (uri: string) => signedByOf(file, 'x.sources', uri)
  expect(of('https://mirror.example/debian/')).toBe('/usr/share/keyrings/debian-archive-keyring.gpg')
  expect(of('https://mirror.example/security')).toBe(
    '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----',
  )
  expect(of('https://unsigned.example/debian')).toBeUndefined()
  expect(of('https://elsewhere.example/')).toBeUndefined()
})

test('Signed-By of a one-line entry', () => {
  const file = `deb-src https://mirror.example/debian bookworm main
# deb [signed-by=/wrong] https://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/a.gpg,/b.gpg] https://mirror.example/debian/ bookworm main
deb https://mirror.example/security bookworm-security main
`
  expect(signedByOf(file, 'sources.list', 'https://mirror.example/debian')).toBe('/a.gpg /b.gpg')
  expect(signedByOf(file, 'sources.list', 'https://mirror.example/security/')).toBeUndefined()
})
