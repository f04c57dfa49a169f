// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { buildSync } from 'esbuild'
import { isPackage, ownFolder } from '../../base/own-folder.ts'

/** The pages: of a run, and of a comparison. */
export type PageName = 'main' | 'comparison'
export const pageNames: readonly PageName[] = ['main', 'comparison']

/** The script of a page, and the style sheet of all. */
export interface PageAssets {
  readonly script: string
  readonly style: string
}

const folder = path.join(import.meta.dirname, 'client')

/** A checkout bundles them when they are needed, which takes milliseconds; the package has them. */
export function pageAssets(name: PageName): PageAssets {
  if (!isPackage) return bundlePage(name)
  const read = (file: string) => readFileSync(path.join(folder, file), 'utf8')
  return { script: read(`${name}.js`), style: read('style.css') }
}

function licence(): string {
  return readFileSync(path.join(ownFolder, 'node_modules/lit-html/LICENSE'), 'utf8')
}

/** Bundles the sources of a page's script and style sheet. */
export function bundlePage(name: PageName): PageAssets {
  const { outputFiles } = buildSync({
    entryPoints: [path.join(folder, `${name}.ts`), path.join(folder, 'style.css')],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome112', 'firefox117', 'safari16.5'],
    charset: 'utf8',
    // Whoever gets a page gets lit-html with it.
    legalComments: 'none',
    banner: { js: `/*! lit-html: ${licence()}*/` },
    write: false,
    logLevel: 'silent',
  })
  const of = (extension: string) => outputFiles.find(({ path }) => path.endsWith(extension))?.text ?? ''
  // A script element ends at "</script" wherever that stands; the linter of its sources knows nothing of it.
  return { script: of('.js').replaceAll('</script', '<\\/script'), style: of('.css') }
}
