// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { cached, contentKey } from '../../base/cache.ts'
import { ownFolder } from '../../base/own-folder.ts'
import { runToolOrFail } from '../../base/process.ts'
import { programIdentity, qemuIdentity } from '../identity.ts'

const folder = path.join(ownFolder, 'harness/qemu/fork')
const COMPILE_LIMIT = 60_000

/** What makes QEMU forkable: files of this machine. */
export interface ForkLibrary {
  /** To be preloaded into QEMU. */
  readonly library: string
  /** A program for guests, which tells what RDRAND and RDSEED give. */
  readonly instructions: string
  /** Identifies both by all that they depend on. */
  readonly key: string
}

const products: readonly (readonly [source: string, product: keyof ForkLibrary, flags: readonly string[]])[] =
  [
    // No stack protector: it would look at a thread's canary before the thread is there.
    ['forkable.c', 'library', ['-fPIC', '-shared', '-fno-stack-protector']],
    ['instructions.c', 'instructions', ['-static', '-nostdlib', '-fno-stack-protector']],
  ]

/**
 * The library that makes QEMU forkable, compiled for this machine.
 * @throws ToolMissing without a compiler, MachineryError when it does not compile
 */
export async function forkLibrary(): Promise<ForkLibrary> {
  const sources = products.map(([source]) => readFileSync(path.join(folder, source), 'utf8'))
  const flags = JSON.stringify(products)
  const key = contentKey([...sources, flags, programIdentity('gcc'), libcIdentity(), qemuIdentity()])
  const made = await cached('forks', key, async draft => {
    for (const [source, product, flags] of products)
      await runToolOrFail(
        'gcc',
        [
          '-O2',
          '-Wall',
          '-Wextra',
          '-Werror',
          ...flags,
          '-o',
          path.join(draft, product),
          path.join(folder, source),
        ],
        { timeout: COMPILE_LIMIT },
      )
  })
  return { library: path.join(made, 'library'), instructions: path.join(made, 'instructions'), key }
}

/** The C library that this process has, as QEMU will. */
function libcIdentity(): string {
  const [file] = /\/\S*\/libc\.so\.6$/m.exec(readFileSync('/proc/self/maps', 'utf8')) ?? []
  return file === undefined ? 'none' : programIdentity(file)
}
