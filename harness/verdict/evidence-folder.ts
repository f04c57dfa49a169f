// SPDX-License-Identifier: MIT
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { makeFolder } from '../base/folders.ts'
import { frontDoorFromHere } from '../base/own-folder.ts'
import { plainConsole } from '../guest/evidence.ts'
import type { Guest } from '../guest/guest.ts'

/** The folder of evidence, below the project's. */
export const topOfEvidence = '.netlink-vmtest'

/** A line that is added to the kept kernel log. */
export interface Mark {
  /** The number of the first record after it. */
  readonly sequence: number
  readonly text: string
}

/**
 * The folder for a file's evidence, or for one test's where each has a guest of its own, relative to the
 * project's folder. Always below {@link topOfEvidence}, because it is emptied before use: a label can be a path
 * (`tree:../linux`), and a file can be outside the project.
 */
export function evidenceFolder(label: string, file: string, only: string | undefined): string {
  return path.join(topOfEvidence, placeOf(label, file, only))
}

/** The place of what belongs to a file, or to one test of it, among other kernels' and files'. */
export function placeOf(label: string, file: string, only: string | undefined): string {
  const parts = file.split(path.sep).map(part => (part === '..' ? 'up' : part))
  const test = only === undefined ? [] : [`test-${only}`]
  return path.join(label.replaceAll(path.sep, '-'), ...parts, ...test)
}

/** The evidence of a guest in which a file failed. */
export interface Evidence {
  readonly guest: Guest
  /** Kernel, image and modules: names, versions, hashes. */
  readonly identity: Readonly<Record<string, unknown>>
  /** The file's first kernel log record: in a shared guest, earlier ones are other files'. */
  readonly since: number
  /** Beginnings and ends of tests. */
  readonly marks: readonly Mark[]
  /** What its tests printed. */
  readonly output: string
  /** What failed tests have said on their sockets, as pcapng. */
  readonly capture: Uint8Array | undefined
  /** The id of the one test that ran, where each has a guest of its own. */
  readonly only: string | undefined
  /** Names of the tests that failed. */
  readonly failed: readonly string[]
}

/**
 * Writes the evidence of a guest in which a file failed: console, kernel log with the tests' beginnings and
 * ends, their output and conversations, the identity of kernel and modules, QEMU's command line, and how to run the file again.
 * Replaces that of an earlier run.
 * @returns the folder, relative to `root`
 */
export function keepEvidence(root: string, file: string, evidence: Evidence): string {
  const { guest, identity, marks, failed, only, output, since, capture } = evidence
  const relative = evidenceFolder(guest.label, file, only)
  const folder = path.join(root, relative)
  rmSync(folder, { recursive: true, force: true })
  makeFolder(folder)
  writeFileSync(path.join(root, topOfEvidence, '.gitignore'), '*\n')
  const write = (name: string, content: string | Uint8Array, mode = 0o666) =>
    writeFileSync(path.join(folder, name), content, { mode })
  write('console.log', plainConsole(guest.qemu.console))
  write('kernel.log', markedLog(guest, marks, since))
  if (output) write('output.log', output)
  if (capture) write('conversation.pcapng', capture)
  write(
    'identity.json',
    `${JSON.stringify({ label: guest.label, release: guest.release, guest: guest.origin, ...identity, failed }, null, 2)}\n`,
  )
  write('qemu.txt', `${guest.qemu.commandLine.map(quoted).join(' ')}\n`)
  write(
    'rerun.sh',
    `#!/bin/sh\n# Runs just this file again, on the same kernel.\ncd ${quoted(process.cwd())} || exit\n${commandAgain(guest.label, file, guest.origin === 'forked')}\n`,
    0o777,
  )
  return relative
}

/** The kernel log as dmesg shows it, with a line where a test begins or ends. */
function markedLog(guest: Guest, marks: readonly Mark[], since: number): string {
  const lines: string[] = []
  const left = [...marks]
  for (const record of guest.log.records) {
    if (record.sequence < since) continue
    while (left[0] && left[0].sequence <= record.sequence) lines.push(`===== ${left.shift()?.text}`)
    lines.push(`[${(record.time / 1e6).toFixed(6).padStart(12)}] ${record.text}`)
  }
  const { lost } = guest.log
  return [
    ...(lost > 0 ? [`${lost} records were lost`] : []),
    ...lines,
    ...left.map(({ text }) => `===== ${text}`),
    '',
  ].join('\n')
}

/**
 * The command line of this run, changed to one file and one kernel.
 * @param wasForked its guest was forked: a fault of the forking would not come again
 */
export function commandAgain(label: string, file: string, wasForked = false): string {
  const given = process.argv.slice(2)
  const modules = given.indexOf('--modules')
  const theirs =
    modules >= 0 ? given.slice(modules, modules + 2) : given.filter(each => each.startsWith('--modules='))
  const same = given.filter(each => each === '--dump' || each === '--coverage')
  const fork = wasForked ? ['--no-fork'] : []
  return [frontDoorFromHere(), '--kernel', label, ...fork, ...same, ...theirs, file].map(quoted).join(' ')
}

/** A word of a command line. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
