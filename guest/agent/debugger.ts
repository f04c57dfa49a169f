// SPDX-License-Identifier: MIT
/** Waits for a debugger: the host stops the machine when it is told, until a debugger lets it go on. */
import fs from 'node:fs'
import type { LoadedModule, StoppedForDebugger } from './protocol.ts'
import { guestPaths } from './protocol.ts'

// Kept from before any test can replace them.
const { existsSync, readdirSync, readFileSync, rmSync } = fs
const { wait } = Atomics

/** Milliseconds between two looks whether the machine has gone on: until the host stops it, and after that. */
const LOOK_EVERY = 10

/** Tells the host what is loaded, and returns when a debugger has let the machine go on. */
export function waitForDebugger(tell: (stopped: StoppedForDebugger) => void): void {
  rmSync(guestPaths.released, { force: true })
  tell({ modules: modulesUnderTest(), kernel: addressOfKernel() })
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(guestPaths.released)) wait(cell, 0, 0, LOOK_EVERY)
}

function modulesUnderTest(): LoadedModule[] {
  const names = entriesOf(guestPaths.modules).filter(name => name.endsWith('.ko'))
  return names.flatMap(file => {
    const name = file.slice(0, -'.ko'.length)
    const folder = `/sys/module/${name}/sections`
    const sections = entriesOf(folder).map(section => {
      const address = readFileSync(`${folder}/${section}`, 'utf8').trim()
      return { name: section, address }
    })
    return sections.length === 0 ? [] : [{ name, sections }]
  })
}

function addressOfKernel(): string {
  const [, address = ''] = /^([\da-f]+) T _text$/m.exec(readFileSync('/proc/kallsyms', 'utf8')) ?? []
  return `0x${address}`
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
