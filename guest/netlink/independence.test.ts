// SPDX-License-Identifier: MIT
/**
 * The library stands on its own: it imports nothing of this project outside of this folder, and no package
 * but koffi.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { expect, it, onTestFinished } from 'vitest'

const folder = import.meta.dirname

it('bundled, it is this folder, koffi and node', async () => {
  const { metafile } = await build({
    entryPoints: [path.join(folder, 'index.ts')],
    absWorkingDir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // the oldest version that it has to run on
    target: 'node20.16',
    packages: 'external',
    metafile: true,
    write: false,
  })
  expect(Object.keys(metafile.inputs).filter(file => file.startsWith('..'))).toEqual([])
  const imported = Object.values(metafile.outputs).flatMap(output => output.imports.map(each => each.path))
  expect([...new Set(imported)].filter(name => !name.startsWith('node:'))).toEqual(['koffi'])
})

it('it uses nothing of the language that Node 20 lacks', async () => {
  const config = {
    extends: path.resolve(folder, '../../tsconfig.json'),
    // what of ES2024 Node 20 has
    compilerOptions: { lib: ['es2023', 'es2024.string', 'esnext.disposable'], rootDir: folder },
    include: [],
    files: [path.join(folder, 'index.ts')],
  }
  const project = mkdtempSync(path.join(folder, '.node-20-'))
  onTestFinished(() => rmSync(project, { recursive: true }))
  writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config))
  const tsc = path.resolve(folder, '../../node_modules/.bin/tsc')
  const { status, stdout } = spawnSync(tsc, ['-p', project], { encoding: 'utf8' })
  expect(stdout).toBe('')
  expect(status).toBe(0)
})

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))

/** The files of this project that a file imports, types included, by paths from this folder. */
function importsOf(file: string): string[] {
  const source = readFileSync(path.join(folder, file), 'utf8')
  return [...source.matchAll(/(?:from|import|import\() ?'(\.[^']*)'/g)].map(([, imported = '']) =>
    path.join(path.dirname(file), imported),
  )
}

it('neither do its tests and its benchmark import anything from outside', () => {
  const outside = files.flatMap(file =>
    importsOf(file)
      .filter(imported => imported.startsWith('..'))
      .map(imported => `${file}: ${imported}`),
  )
  expect(outside).toEqual([])
  expect(files.length).toBeGreaterThan(40)
})
