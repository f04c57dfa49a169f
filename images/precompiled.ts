import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cached, contentKey } from '../harness/base/cache.ts'
import { runToolOrFail } from '../harness/base/process.ts'

/** A script for node, as CommonJS that loads nothing but what node brings along, in ASCII. */
export interface Script {
  readonly name: string
  readonly source: string
}

/** A script as guests have it. */
export interface PrecompiledScript {
  readonly name: string
  /** A function of `require`. */
  readonly source: string
  /** V8's code for all of it, for the node that made it; another node compiles the source. */
  readonly code: Buffer
}

/**
 * With it a start keeps the hash seed that node was built with. Making one of its own is a search for three prime numbers, and all
 * strings of V8's snapshot are hashed anew: an eighth of the blocks that QEMU runs for a start. It is among the flags that a code
 * cache is made for.
 */
export const startFlag = '--no-rehash-snapshot'

/**
 * Compiles all functions of scripts. Which are lazy is among the flags that a code cache is made for, so that the flag is set for the
 * compiling only. Arguments: the files; each gets its code beside it.
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
 * Scripts that guests start often, compiled by the node that runs them there: reading V8's code instead of making it is 65 of the
 * 390 ms that a short program takes in an emulated guest (medians of 22). V8 writes other bytes each time, so they are kept.
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

/** What is started: runs the script that lies at `place`, by the code beside it where that is of this node. */
export function launcher(place: string): string {
  return `#!/usr/bin/node ${startFlag}
const { readFileSync } = require('node:fs')
const { Script } = require('node:vm')
const filename = ${JSON.stringify(place)}
const cachedData = readFileSync(filename + '.code')
new Script(readFileSync(filename, 'latin1'), { filename, cachedData }).runInThisContext()(require)
`
}
