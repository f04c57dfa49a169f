// SPDX-License-Identifier: MIT
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cached, contentKey } from '../harness/base/cache.ts'
import { runToolOrFail } from '../harness/base/process.ts'

/** A script for node: CommonJS in ASCII, which loads only node's built-in modules. */
export interface Script {
  readonly name: string
  readonly source: string
}

/** A script in guests. */
export interface PrecompiledScript {
  readonly name: string
  /** A function of `require`. */
  readonly source: string
  /** V8's code cache of all functions, for the node that made it; another node compiles the source. */
  readonly code: Buffer
}

/**
 * Keeps the hash seed that node was built with: otherwise each start hashes all strings of V8's snapshot anew
 * (docs/measurements.md, Programs in guests). A code cache is only valid with the flags it was made with.
 */
export const startFlag = '--no-rehash-snapshot'

/**
 * Compiles all functions of scripts. --no-lazy is set during the compilation only, because a code cache is
 * only valid with its flags. Arguments: the files; each gets its code beside it.
 */
const compiler = `
const { readFileSync, writeFileSync } = require('node:fs')
const { setFlagsFromString } = require('node:v8')
const { Script } = require('node:vm')
for (const file of process.argv.slice(1)) {
  const source = readFileSync(file, 'latin1')
  setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename: file })
  setFlagsFromString('--lazy')
  writeFileSync(file + '.code', script.createCachedData())
}`

/**
 * Compiles scripts that guests start often, by the node that runs them there (docs/measurements.md, Programs
 * in guests). V8 writes other bytes each time, so the result is cached.
 * @param node the node binary of the guests
 */
export async function precompiled(scripts: readonly Script[], node: string): Promise<PrecompiledScript[]> {
  const sources = scripts.map(({ name, source }) => ({ name, source: `(function (require) {${source}})` }))
  const { stdout: version } = await runToolOrFail(node, ['--version'], { timeout: 10_000 })
  const key = contentKey([
    startFlag,
    compiler,
    version,
    ...sources.flatMap(({ name, source }) => [name, source]),
  ])
  const folder = await cached('images', key, async folder => {
    const files = sources.map(({ name }) => path.join(folder, name))
    for (const [i, file] of files.entries()) await writeFile(file, sources[i]?.source ?? '')
    await runToolOrFail(node, [startFlag, '-e', compiler, ...files], { timeout: 60_000 })
  })
  return await Promise.all(
    sources.map(async script => ({
      ...script,
      code: await readFile(path.join(folder, `${script.name}.code`)),
    })),
  )
}

/** A launcher that runs the script at `place`, from the code beside it if that is of this node. */
export function launcher(place: string): string {
  return `#!/usr/bin/node ${startFlag}
const { readFileSync } = require('node:fs')
const { Script } = require('node:vm')
const filename = ${JSON.stringify(place)}
const cachedData = readFileSync(filename + '.code')
new Script(readFileSync(filename, 'latin1'), { filename, cachedData }).runInThisContext()(require)
`
}
