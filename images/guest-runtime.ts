// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { guestPaths, timerCounter } from '../guest/agent/protocol.ts'
import { contentKey } from '../harness/base/cache.ts'
import { MachineryError } from '../harness/base/errors.ts'
import { ownFolder, ownModule } from '../harness/base/own-folder.ts'
import { dependencyFolder, nodeBinary } from './dependencies.ts'
import { launcher, precompiled } from './precompiled.ts'

const vitest = path.dirname(fileURLToPath(import.meta.resolve('vitest/package.json')))
const require =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"

/** Replaces koffi in bundles; native-koffi.ts says why. */
const nativeKoffi = { koffi: ownModule('guest/agent/native-koffi') }

/** A file of a bundle: its path in the guest and its bytes. */
export interface BundledFile {
  readonly path: string
  readonly content: Uint8Array
  /** Permission bits; default 0o644. */
  readonly mode?: number
}

/** Bundled files and their inputs. */
export interface Bundle {
  readonly files: readonly BundledFile[]
  /** Paths relative to this project's folder. */
  readonly inputs: readonly string[]
}

/** The documents' programs, by their names on the guests' PATH. */
const programs = ['change', 'event', 'resolve', 'genl-change', 'genl-event', 'custom']

/**
 * Bundles agent, worker and Vitest for guests, which have no node_modules. One build with code splitting over
 * the worker *and* Vitest's public entries, so that a test imports from 'vitest' the worker's own instances.
 * The files lie below .../vitest/dist/, which Vitest's stack filter hides.
 */
export async function bundleGuestRuntime(): Promise<Bundle> {
  const dist = `${guestPaths.packages}/vitest/dist`
  const result = await build({
    entryPoints: [
      { in: ownModule('guest/agent/agent'), out: `${guestPaths.root}/agent` },
      { in: ownModule('guest/agent/worker'), out: `${dist}/worker` },
      { in: 'vitest', out: `${dist}/index` },
      { in: 'vitest/runtime', out: `${dist}/runtime` },
    ],
    absWorkingDir: ownFolder,
    outdir: '/',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    outExtension: { '.js': '.mjs' },
    chunkNames: `${dist.slice(1)}/chunks/[name]-[hash]`,
    legalComments: 'none',
    // Guests only need vite/module-runner; these belong to options that have no meaning there.
    external: [
      'vite',
      'rolldown',
      'jsdom',
      'happy-dom',
      '@edge-runtime/vm',
      'why-is-node-running',
      '@opentelemetry/api',
    ],
    plugins: [countedThrottle],
    alias: { ...nativeKoffi, 'vite/module-runner': fileURLToPath(import.meta.resolve('vite/module-runner')) },
    banner: { js: require },
    logLevel: 'silent',
  })
  const files = [
    ...result.outputFiles.map(file => ({ path: file.path, content: file.contents })),
    {
      path: `${guestPaths.packages}/vitest/package.json`,
      content: Buffer.from(
        JSON.stringify({
          name: 'vitest',
          version: JSON.parse(readFileSync(path.join(vitest, 'package.json'), 'utf8')).version,
          type: 'module',
          exports: { '.': './dist/index.mjs', './runtime': './dist/runtime.mjs' },
        }),
      ),
    },
  ]
  // esbuild's package too: another version may write other output.
  const esbuild = path.join(dependencyFolder('esbuild'), 'package.json')
  return { files, inputs: [...Object.keys(result.metafile.inputs), esbuild] }
}

/**
 * Vitest (5.1.1) throttles its reports by a timer, which is often left when a file has ended. The worker has to
 * tell it from the timers of tests, for which it waits: the module's timers are counted.
 */
const countedThrottle: Plugin = {
  name: 'counted throttle',
  setup({ onLoad }) {
    onLoad({ filter: /\/vitest\/dist\/chunks\/run\.[^/]*\.js$/ }, ({ path: file }) => {
      const source = readFileSync(file, 'utf8')
      const timers = 'const { clearTimeout, setTimeout } = getSafeTimers();'
      if (source.split(timers).length !== 2)
        throw new MachineryError(`${file} is of another version than this was made for: install again`)
      const counted = `const { clearTimeout, setTimeout } = globalThis[Symbol.for('${timerCounter}')](getSafeTimers());`
      const own = JSON.stringify(ownModule('guest/agent/counted-timers'))
      return { contents: `import ${own};${source.replace(timers, counted)}`, loader: 'js' }
    })
  },
}

/** This project's own package in guests. */
export interface GuestPackage {
  /** Its folder, named after its content, so that versions are never confused. */
  readonly folder: string
  readonly files: readonly BundledFile[]
}

/** Options of bundles for guests that Vitest is not in. */
const common = () =>
  ({
    absWorkingDir: ownFolder,
    outdir: '/',
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    // yaml's other entry is CommonJS, whose require() of Node's modules fails in ES modules
    alias: { ...nativeKoffi, yaml: path.join(dependencyFolder('yaml'), 'browser/index.js') },
    // the same bytes whatever tsconfig.json is near
    tsconfigRaw: { compilerOptions: { strict: true } },
    logLevel: 'silent',
  }) as const

/** Bundles a program for guests as one CommonJS script. @param module its file */
export async function bundleGuestProgram(module: string): Promise<Uint8Array> {
  const { outputFiles } = await build({ ...common(), entryPoints: [module], format: 'cjs' })
  return outputFiles[0]?.contents ?? new Uint8Array()
}

/**
 * Bundles what tests import in the guest beside vitest (client library, test helpers) and the programs.
 * Delivered at run time, so that a change needs no new image.
 */
export async function bundleGuestPackage(): Promise<GuestPackage> {
  const [modules, commands] = await Promise.all([
    build({
      ...common(),
      entryPoints: [
        { in: ownModule('guest/testing/netlink'), out: 'netlink' },
        { in: ownModule('guest/testing/index'), out: 'testing' },
        { in: ownModule('guest/testing/ynl'), out: 'ynl' },
      ],
      splitting: true,
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      chunkNames: '[name]-[hash]',
      external: ['vitest'],
    }),
    // Each program is one CommonJS script: suites start them often, and node's loader of ES modules would
    // slow down each start (docs/measurements.md, Programs in guests).
    build({
      ...common(),
      entryPoints: programs.map(name => ({
        in: ownModule(`guest/programs/${name}`),
        out: name,
      })),
      format: 'cjs',
    }),
  ])
  const compiled = await precompiled(
    commands.outputFiles.map(file => ({ name: path.basename(file.path, '.js'), source: file.text })),
    nodeBinary(),
  )
  const content = contentKey([
    ...modules.outputFiles.flatMap(file => [file.path, file.contents]),
    ...compiled.flatMap(({ name, source, code }) => [name, launcher(''), source, code]),
  ])
  const folder = `${guestPaths.root}/packages/${content}`
  return {
    folder,
    files: [
      ...modules.outputFiles.map(file => ({ path: `${folder}${file.path}`, content: file.contents })),
      ...compiled.flatMap(({ name, source, code }) => {
        const place = `${guestPaths.root}/programs/${name}.js`
        return [
          { path: `${guestPaths.programs}/${name}`, content: Buffer.from(launcher(place)), mode: 0o755 },
          { path: place, content: Buffer.from(source) },
          { path: `${place}.code`, content: code },
        ]
      }),
    ],
  }
}
