// SPDX-License-Identifier: MIT
/**
 * CommonJS packages that tests import. Vite gives a guest code, one ES module after the other; CommonJS needs
 * files, for require() reads them. So the files that a module of such a package requires, and those of its
 * dependencies, are put into the guest at the same paths, and Node loads them there as it does here.
 */
import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { type BuildFailure, type BuildOptions, build, type Metafile } from 'esbuild'
import { MachineryError, messageOf, UsageError } from '../base/errors.ts'
import type { HostItem } from '../guest/host-files.ts'

/** Packages that load an addon by a name that they make up at run time. */
const addonLoaders = [
  'bindings',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  '@mapbox/node-pre-gyp',
]

/** Options by which esbuild follows modules as Node does, and writes nothing. */
const asNode: BuildOptions & { readonly metafile: true } = {
  absWorkingDir: '/',
  bundle: true,
  write: false,
  outdir: '/',
  metafile: true,
  platform: 'node',
  format: 'cjs',
  // Node's own conditions and fields: without these esbuild prefers `module`.
  conditions: ['node-addons'],
  mainFields: ['main'],
  loader: { '.node': 'empty' },
  tsconfigRaw: {},
  logLevel: 'silent',
}

const known = new Map<string, Promise<readonly HostItem[] | undefined>>()

/**
 * The files to bring for a module of a package.
 * @param file its path
 * @returns undefined for an ES module, whose code comes from Vite
 * @throws UsageError for a package with a native addon
 */
export function filesOfCommonJs(file: string): Promise<readonly HostItem[] | undefined> {
  const found = known.get(file) ?? trace(file)
  known.set(file, found)
  // In watch mode it may have been installed anew.
  found.catch(() => known.delete(file))
  return found
}

async function trace(file: string): Promise<readonly HostItem[] | undefined> {
  if (!(await isCommonJs(file))) return undefined
  const { inputs } = await metafile(file)
  const at = (name: string) => path.resolve('/', name)
  const places = Object.keys(inputs).map(at)
  refuseAddons(file, inputs)
  const links = Object.entries(inputs).flatMap(([name, { imports }]) =>
    imports.flatMap(({ original }) => linkTo(original, at(name))),
  )
  const files = [...new Set([...places, ...places.flatMap(descriptions)])].map(itemOf)
  return [...files, ...new Map(links.map(link => [link.place.toString(), link])).values()]
}

/** Whether Node would load the file as CommonJS: by its name, its package.json, and else its syntax. */
async function isCommonJs(file: string): Promise<boolean> {
  if (!file.endsWith('.js')) return /\.c?js$/.test(file)
  const [description] = descriptions(file)
  const { type } =
    description === undefined ? {} : (JSON.parse(readFileSync(description, 'utf8')) as { type?: unknown })
  if (type === 'module' || type === 'commonjs') return type === 'commonjs'
  const { metafile } = await build({
    ...asNode,
    entryPoints: [file],
    plugins: [
      {
        name: 'this file alone',
        setup: ({ onResolve }) =>
          onResolve({ filter: /.*/ }, ({ kind, path }) =>
            kind === 'entry-point' ? undefined : { path, external: true },
          ),
      },
    ],
  })
  return Object.values(metafile.inputs).every(({ format }) => format !== 'esm')
}

/** What esbuild finds by following require() and import with Node's rules. */
async function metafile(file: string): Promise<Metafile> {
  const external: string[] = []
  for (;;) {
    try {
      return (await build({ ...asNode, entryPoints: [file], external })).metafile
    } catch (error) {
      // Whether what is not installed is needed shows when it runs.
      const missing = ((error as Partial<BuildFailure>).errors ?? []).flatMap(
        ({ text }) => /^Could not resolve "(.*)"/.exec(text)?.[1] ?? [],
      )
      if (missing.length === 0 || missing.some(name => external.includes(name)))
        throw new MachineryError(`cannot follow what ${file} requires: ${messageOf(error)}`, { cause: error })
      external.push(...missing)
    }
  }
}

function refuseAddons(file: string, inputs: Metafile['inputs']): void {
  for (const [name, { imports }] of Object.entries(inputs)) {
    const loads = imports.find(
      ({ path: to, original = '' }) => to.endsWith('.node') || addonLoaders.includes(original),
    )
    if (!loads && !name.endsWith('.node')) continue
    const own = packageName(path.resolve('/', name))
    const needed = packageName(file) === own ? '' : `, which ${packageName(file)} needs`
    throw new UsageError(
      `the package ${own}${needed} has a native addon: guests take JavaScript only. Import it in no test, or replace it by vi.mock()`,
    )
  }
}

/** The name of the package that a file belongs to. */
export function packageName(file: string): string {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? path.basename(file)
}

/** The package.json files that decide how Node reads a file: those above it, up to that of its package. */
function descriptions(file: string): string[] {
  const found: string[] = []
  for (let at = path.dirname(file); at !== path.dirname(at); at = path.dirname(at)) {
    if (/\/node_modules(\/@[^/]+)?$/.test(at)) break
    const description = path.join(at, 'package.json')
    if (!statSync(description, { throwIfNoEntry: false })?.isFile()) continue
    found.push(description)
    // Outside of node_modules (a workspace) the next one is another package's.
    if (!file.includes('/node_modules/')) break
  }
  return found
}

/** The link by which Node finds a package (pnpm, workspaces), from the file that requires it. */
function linkTo(name: string | undefined, from: string): HostItem[] {
  if (name === undefined || /^[./#]/.test(name) || isBuiltin(name)) return []
  const [, own = name] = /^((?:@[^/]+\/)?[^/]+)/.exec(name) ?? []
  for (let at = path.dirname(from); ; at = path.dirname(at)) {
    const place = path.join(at, 'node_modules', own)
    const status = lstatSync(place, { throwIfNoEntry: false })
    if (status?.isSymbolicLink()) {
      const bytes = Buffer.from(place)
      return [{ type: 'link', place: bytes, source: bytes, target: Buffer.from(realpathSync(place)) }]
    }
    if (status || at === path.dirname(at)) return []
  }
}

function itemOf(file: string): HostItem {
  const { mode, size } = statSync(file)
  const place = Buffer.from(file)
  return { type: 'file', place, source: place, mode: mode & 0o7777, size }
}
