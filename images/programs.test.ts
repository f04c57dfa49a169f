import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostPrograms } from './programs.ts'

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

test('a program that is not there is named', async () => {
  const project = folder()
  writeFileSync(path.join(project, 'data'), '')
  await expect(hostPrograms(['nosuch-program'], project)).rejects.toThrow(
    "image.programs: nosuch-program is on nobody's PATH on this machine",
  )
  for (const name of ['./data', './nowhere', `${project}/`])
    await expect(hostPrograms([name], project)).rejects.toThrow(
      `image.programs: ${name} is no executable file`,
    )
})
