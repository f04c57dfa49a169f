// SPDX-License-Identifier: MIT
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostPrograms, projectPrograms } from './programs.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('ip, a shell and what else is wanted, with their libraries', async () => {
  const project = folder()
  writeFileSync(path.join(project, 'tool'), '#!/bin/sh\n')
  chmodSync(path.join(project, 'tool'), 0o755)
  const places = (await hostPrograms(['./tool', 'env'], project)).map(entry => entry.path)
  expect(places).toEqual(
    expect.arrayContaining(['ip', 'dash', 'tool', 'env'].map(name => `usr/local/bin/${name}`)),
  )
  expect(places.filter(place => place.includes('libc.so'))).toHaveLength(1)
})

test('two of one name are named, for guests would have one of them', async () => {
  const project = folder()
  for (const name of ['a', 'b']) {
    mkdirSync(path.join(project, name))
    writeFileSync(path.join(project, name, 'tool'), '#!/bin/sh\n', { mode: 0o755 })
  }
  await expect(hostPrograms(['a/tool', 'b/tool'], project)).rejects.toThrow(
    'image.programs: a/tool and b/tool have one name in guests: rename one of them',
  )
  // the project's own replaces a usual one
  writeFileSync(path.join(project, 'ip'), '#!/bin/sh\n', { mode: 0o755 })
  const [ip, ...others] = (await hostPrograms(['./ip'], project)).filter(
    ({ path }) => path === 'usr/local/bin/ip',
  )
  expect(ip).toMatchObject({ content: Buffer.from('#!/bin/sh\n') })
  expect(others).toEqual([])
})

test('a program that is not there is named', async () => {
  const project = folder()
  writeFileSync(path.join(project, 'data'), '')
  await expect(hostPrograms(['nosuch-program'], project)).rejects.toThrow(
    "image.programs: nosuch-program is on nobody's PATH on this machine: correct its name, or install it",
  )
  for (const name of ['./data', './nowhere', `${project}/`])
    await expect(hostPrograms([name], project)).rejects.toThrow(
      `image.programs: ${name} is no executable file`,
    )
})

test("a project's programs bring what no image has: neither the usual ones nor node's libraries", async () => {
  const project = folder()
  writeFileSync(path.join(project, 'tool'), '#!/bin/sh\n', { mode: 0o755 })
  expect(await projectPrograms(['./tool', 'env', 'ip'], project)).toEqual([
    { place: '/usr/local/bin/tool', source: path.join(project, 'tool') },
    { place: '/usr/local/bin/env', source: expect.stringMatching(/\/env$/) },
  ])
  writeFileSync(path.join(project, 'ip'), '#!/bin/sh\n', { mode: 0o755 })
  expect(await projectPrograms(['./ip'], project)).toEqual([
    { place: '/usr/local/bin/ip', source: path.join(project, 'ip') },
  ])
  expect(await projectPrograms([], project)).toEqual([])
})
