// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { candidates, type IndexedPackage, needsLibraries, parseIndex, withLibraries } from './packages.ts'

/** A stanza as Debian's indexes have them. */
function stanza(name: string, version: string, fields: Record<string, string> = {}): string {
  const all = {
    Package: name,
    Version: version,
    ...fields,
    Filename: `pool/main/l/linux/${name}_${version}_amd64.deb`,
    Size: '1000',
    SHA256: Buffer.from(`${name} ${version}`.padEnd(32)).toString('hex').slice(0, 64),
  }
  return Object.entries(all)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')
}

/** A kernel up to 6.18: the image is one package. */
function kernel(abi: string, version: string, suite: string, libc = '2.34'): IndexedPackage[] {
  const series = version.split('.').slice(0, 2).join('.')
  return parseIndex(
    [
      stanza(`linux-image-${abi}-cloud-amd64`, version, { Depends: 'kmod, initramfs-tools | dracut' }),
      stanza(`linux-image-${abi}-cloud-amd64-unsigned`, version),
      stanza(`linux-headers-${abi}-cloud-amd64`, version, {
        Depends: `linux-headers-${abi}-common (= ${version}), linux-kbuild-${series} (>= ${version}), linux-compiler-gcc-12-x86`,
      }),
      stanza(`linux-headers-${abi}-common`, version),
      stanza(`linux-kbuild-${series}`, version, { Depends: `libc6 (>= ${libc}), libelf1 (>= 0.142)` }),
    ].join('\n\n'),
    suite,
  )
}

test('reads what matters from a stanza', () => {
  expect(
    parseIndex(
      'Package: linux-kbuild-6.1\nSource: linux\nVersion: 6.1.192-2\nDepends: libc6 (>= 2.34), a | b, libelf1:any (>= 0.142), c\nDescription: x\nFilename: pool/k.deb\nSize: 1568188\nSHA256: 7e85\n\nPackage: broken\n',
      'bookworm-security',
    ),
  ).toEqual([
    {
      name: 'linux-kbuild-6.1',
      version: '6.1.192-2',
      suite: 'bookworm-security',
      archive: 'security',
      file: 'pool/k.deb',
      size: 1568188,
      sha256: '7e85',
      depends: [
        { name: 'libc6', atLeast: '2.34' },
        { name: 'libelf1', atLeast: '0.142' },
        { name: 'c', atLeast: undefined },
      ],
    },
  ])
})

test('the newest version across suites comes first, then the others', () => {
  const index = [
    ...kernel('6.1.0-50', '6.1.176-1', 'bookworm'),
    ...kernel('6.1.0-56', '6.1.192-2', 'bookworm-security'),
    ...kernel('6.1.0-9', '6.1.27-1', 'bookworm'),
  ]
  const { found } = candidates(index, '6.1')
  expect(found.map(it => it.release)).toEqual([
    '6.1.0-56-cloud-amd64',
    '6.1.0-50-cloud-amd64',
    '6.1.0-9-cloud-amd64',
  ])
  expect(found[0]?.packages.map(it => `${it.name} ${it.version}`)).toEqual([
    'linux-image-6.1.0-56-cloud-amd64 6.1.192-2',
    'linux-headers-6.1.0-56-cloud-amd64 6.1.192-2',
    'linux-headers-6.1.0-56-common 6.1.192-2',
    'linux-kbuild-6.1 6.1.192-2',
  ])
})

test('6.1 is not 6.12', () => {
  const index = kernel('6.12.117+deb12', '6.12.117-1~deb12u1', 'bookworm-security')
  expect(candidates(index, '6.1').found).toEqual([])
  expect(candidates(index, '6.12').found).toHaveLength(1)
})

test('the same kernel in two suites is one candidate', () => {
  const index = [
    ...kernel('6.12.107+deb13', '6.12.107-1', 'trixie'),
    ...kernel('6.12.107+deb13', '6.12.107-1', 'trixie-security'),
  ]
  expect(candidates(index, '6.12').found).toHaveLength(1)
})

test('a kernel without its headers, or with headers of another version only, is none', () => {
  const whole = kernel('6.1.0-56', '6.1.192-2', 'bookworm-security')
  expect(
    candidates(
      whole.filter(it => it.name !== 'linux-headers-6.1.0-56-common'),
      '6.1',
    ),
  ).toEqual({
    found: [],
    withoutHeaders: ['6.1.0-56-cloud-amd64'],
  })
  const other = whole.map(it => (it.name.includes('common') ? { ...it, version: '6.1.192-1' } : it))
  expect(candidates(other, '6.1').found).toEqual([])
})

test('the unsigned image does where there is no signed one', () => {
  const index = kernel('6.1.0-56', '6.1.192-2', 'bookworm-security').filter(
    it => it.name !== 'linux-image-6.1.0-56-cloud-amd64',
  )
  expect(candidates(index, '6.1').found[0]?.packages[0]?.name).toBe(
    'linux-image-6.1.0-56-cloud-amd64-unsigned',
  )
})

test('from 6.19 the image is three packages, and linux-image an empty one', () => {
  const version = '7.3.4-1~bpo13+1'
  const abi = '7.3.4+deb13'
  const index = parseIndex(
    [
      stanza(`linux-image-${abi}-cloud-amd64`, version, {
        Depends: `dracut | initramfs-tools, linux-base-${abi}-cloud-amd64 (= ${version}), linux-binary-${abi}-cloud-amd64 (= ${version})`,
      }),
      stanza(`linux-binary-${abi}-cloud-amd64`, version),
      stanza(`linux-base-${abi}-cloud-amd64`, version),
      stanza(`linux-modules-${abi}-cloud-amd64`, version),
      stanza(`linux-headers-${abi}-cloud-amd64`, version, {
        Depends: `gcc-14-for-host, linux-kbuild-${abi}`,
      }),
      stanza(`linux-headers-${abi}-common`, version),
      stanza(`linux-kbuild-${abi}`, version, { Depends: 'pahole, libc6 (>= 2.38)' }),
    ].join('\n\n'),
    'trixie-backports',
  )
  const [found] = candidates(index, '7.3').found
  expect(found?.packages.map(it => it.name.replace(abi, 'ABI'))).toEqual([
    'linux-binary-ABI-cloud-amd64',
    'linux-modules-ABI-cloud-amd64',
    'linux-base-ABI-cloud-amd64',
    'linux-headers-ABI-cloud-amd64',
    'linux-headers-ABI-common',
    'linux-kbuild-ABI',
  ])
  // Without its modules the empty package is no kernel.
  const without = index.filter(it => !it.name.startsWith('linux-modules'))
  expect(candidates(without, '7.3').found).toEqual([])
})

test('libraries are added for tools that ask for a newer libc than Debian 12 has', () => {
  const old = kernel('6.12.117+deb12', '6.12.117-1~deb12u1', 'bookworm-security', '2.34')
  const recent = kernel('6.12.117+deb13', '6.12.117-1', 'trixie-security', '2.38')
  const [onBookworm] = candidates(old, '6.12').found
  const [onTrixie] = candidates(recent, '6.12').found
  if (!onBookworm || !onTrixie) throw new Error('no candidates')
  expect(needsLibraries(onBookworm, old)).toBe(false)
  expect(needsLibraries(onTrixie, recent)).toBe(true)

  const libraries = parseIndex(
    ['2.41-11', '2.41-12']
      .flatMap(version => ['libc6', 'libelf1t64', 'libzstd1', 'zlib1g'].map(name => stanza(name, version)))
      .join('\n\n'),
    'trixie',
  )
  expect(
    withLibraries(onTrixie, libraries)
      ?.packages.slice(-4)
      .map(it => `${it.name} ${it.version}`),
  ).toEqual(['libc6 2.41-12', 'libelf1t64 2.41-12', 'libzstd1 2.41-12', 'zlib1g 2.41-12'])
  expect(
    withLibraries(
      onTrixie,
      libraries.filter(it => it.name !== 'zlib1g'),
    ),
  ).toBeUndefined()
})

test('kernels for cloud machines and for all are told apart, and other flavours from both', () => {
  const cloud = kernel('6.1.0-56', '6.1.192-2', 'bookworm')
  const rename = (flavour: string) =>
    cloud.map(it => ({ ...it, name: it.name.replace('cloud-amd64', flavour) }))
  const index = [...cloud, ...rename('amd64'), ...rename('rt-amd64')]
  const names = (flavour?: 'amd64') =>
    candidates(index, '6.1', flavour).found.map(it => [it.release, ...it.packages.map(({ name }) => name)])
  expect(names()).toEqual([
    [
      '6.1.0-56-cloud-amd64',
      'linux-image-6.1.0-56-cloud-amd64',
      'linux-headers-6.1.0-56-cloud-amd64',
      'linux-headers-6.1.0-56-common',
      'linux-kbuild-6.1',
    ],
  ])
  expect(names('amd64')).toEqual([
    [
      '6.1.0-56-amd64',
      'linux-image-6.1.0-56-amd64',
      'linux-headers-6.1.0-56-amd64',
      'linux-headers-6.1.0-56-common',
      'linux-kbuild-6.1',
    ],
  ])
  const images = rename('rt-amd64').filter(({ name }) => name.includes('image'))
  expect(candidates(images, '6.1', 'amd64').withoutHeaders).toEqual([])
})
