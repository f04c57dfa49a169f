import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { guestPaths } from '../guest/agent/protocol.ts'
import { contentKey } from '../harness/base/cache.ts'
import { ownFolder } from '../harness/base/own-folder.ts'
import { nodeBinary } from './node-binary.ts'
import { launcher, precompiled } from './precompiled.ts'

const vitest = path.dirname(fileURLToPath(import.meta.resolve('vitest/package.json')))
const require =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"

/** In place of koffi where a bundle imports it: see there. */
const nativeKoffi = { koffi: './guest/agent/native-koffi.ts' }

/** A file of a bundle: its path in the guest and its bytes. */
export interface BundledFile {
  readonly path: string
  readonly content: Uint8Array
  /** Permission bits; 0o644 where not given. */
  readonly mode?: number
}

/** What was bundled, and the files that it was made of. */
export interface Bundle {
  readonly files: readonly BundledFile[]
  /** Relative to this project's own folder. */
  readonly inputs: readonly string[]
}

/** The documents' programs, by their names on the PATH of guests. */
const programs = ['change', 'event', 'resolve', 'genl-change', 'genl-event', 'custom']

/**
 * Agent, worker and Vitest as the guest runs them: a few files without node_modules. One build with code splitting
 * over the worker *and* Vitest's public entries, so that what a test imports from 'vitest' are the instances that
 * the worker runs with. Laid out below .../vitest/dist/, which Vitest's stack filter hides.
 */
export async function bundleGuestRuntime(): Promise<Bundle> {
  const dist = `${guestPaths.packages}/vitest/dist`
  const result = await build({
    entryPoints: [
      { in: path.join(ownFolder, 'guest/agent/agent.ts'), out: `${guestPaths.root}/agent` },
      { in: path.join(ownFolder, 'guest/agent/worker.ts'), out: `${dist}/worker` },
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
    // Only vite/module-runner is wanted in the guest; these are behind options that have no meaning there.
    external: [
      'vite',
      'rolldown',
      'jsdom',
      'happy-dom',
      '@edge-runtime/vm',
      'why-is-node-running',
      '@opentelemetry/api',
    ],
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
  // esbuild itself by its package, for its output may be another one's.
  return { files, inputs: [...Object.keys(result.metafile.inputs), 'node_modules/esbuild/package.json'] }
}

/** This project's own package as guests have it. */
export interface GuestPackage {
  /** Where it lies: named after its content, so that code of another version is never taken for it. */
  readonly folder: string
  readonly files: readonly BundledFile[]
}

/**
 * The package that tests import in the guest beside vitest, with this project's client library and test helpers, and the
 * programs. Delivered at run time, so that editing them does not make a new image.
 */
export async function bundleGuestPackage(): Promise<GuestPackage> {
  const common = {
    absWorkingDir: ownFolder,
    outdir: '/',
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    alias: nativeKoffi,
    // the same bytes whatever tsconfig.json lies there
    tsconfigRaw: { compilerOptions: { strict: true } },
    logLevel: 'silent',
  } as const
  const [modules, commands] = await Promise.all([
    build({
      ...common,
      entryPoints: [
        { in: path.join(ownFolder, 'guest/netlink/index.ts'), out: 'netlink' },
        { in: path.join(ownFolder, 'guest/testing/index.ts'), out: 'testing' },
      ],
      splitting: true,
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      chunkNames: '[name]-[hash]',
      external: ['vitest'],
    }),
    // Each a script that needs nothing else, in CommonJS: the suites start them often, and node's loader of ES modules
    // takes a tenth of a second of each start in an emulated guest.
    build({
      ...common,
      entryPoints: programs.map(name => ({
        in: path.join(ownFolder, `guest/programs/${name}.ts`),
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
