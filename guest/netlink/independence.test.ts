/** The library stands on its own: nothing of this project's belongs to it but this folder, and of others' packages only koffi. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const folder = import.meta.dirname

it('bundled, it is this folder, koffi and node', async () => {
  const { metafile } = await build({
    entryPoints: [path.join(folder, 'index.ts')],
    absWorkingDir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // the oldest that it is to run on
    target: 'node22.12',
    packages: 'external',
    metafile: true,
    write: false,
  })
  expect(Object.keys(metafile.inputs).filter(file => file.startsWith('..'))).toEqual([])
  const imported = Object.values(metafile.outputs).flatMap(output => output.imports.map(each => each.path))
  expect([...new Set(imported)].filter(name => !name.startsWith('node:'))).toEqual(['koffi'])
})

it('neither do its tests and its benchmark import anything from outside', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file =>
    file.endsWith('.ts'),
  )
  const outside = files.flatMap(file => {
    const source = readFileSync(path.join(folder, file), 'utf8')
    return [...source.matchAll(/(?:from|import|import\() ?'(\.[^']*)'/g)]
      .map(([, imported = '']) => path.join(path.dirname(file), imported))
      .filter(imported => imported.startsWith('..'))
      .map(imported => `${file}: ${imported}`)
  })
  expect(outside).toEqual([])
  expect(files.length).toBeGreaterThan(40)
})
