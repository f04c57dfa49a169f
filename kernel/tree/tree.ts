// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { contentKey } from '../../harness/base/cache.ts'
import { isErrno, UsageError } from '../../harness/base/errors.ts'
import { runTool, runToolOrFail } from '../../harness/base/process.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { buildVariables } from '../build/build-variables.ts'
import { cachedKernel, sha256, writeDescription } from '../entry.ts'
import type { Kernel } from '../kernel.ts'
import { formatOptions } from '../options.ts'
import { releaseOfImage } from './bz-image.ts'
import { lackingOptions } from './needed.ts'

/** Changes when the files taken from the same tree do. */
const layout = '1'

/** Paths in a tree for x86-64. */
const places = {
  image: 'arch/x86/boot/bzImage',
  release: 'include/config/kernel.release',
  symbols: 'Module.symvers',
  config: '.config',
} as const

/** A kernel tree. */
interface Tree {
  /** As written by the user, for messages. */
  readonly name: string
  /** Where the kernel was built. */
  readonly output: string
  /** Where its source is: the same folder, unless it was built with O=. */
  readonly source: string
  readonly config: string
}

/**
 * A kernel that the user has built, in its source tree or with `make O=DIR`. Image and in-tree modules are
 * copied into the cache, so that a new build does not disturb a run. Modules are built against the tree
 * itself, which is only read.
 * @param dir the build's folder
 * @throws UsageError that says what the tree lacks and how to add it
 */
export async function treeKernel(label: string, dir: string, progress: Progress): Promise<Kernel> {
  const tree = await openTree(dir)
  checkConfig(tree)
  const release = await checkBuilt(tree)
  await checkCompiler(tree)
  const at = (place: string) => path.join(tree.output, place)
  const modules = await builtModules(tree)
  const key = contentKey([
    ...[layout, 'tree', tree.output, tree.source, release, tree.config],
    await sha256(at(places.image)),
    await sha256(at(places.symbols)),
    ...modules.map(({ name, stamp }) => `${name} ${stamp}`),
  ])
  return await cachedKernel(label, key, progress, folder =>
    progress.step(`take Linux ${release} from ${tree.name}`, async update => {
      await copyFile(at(places.image), path.join(folder, 'bzImage'))
      await writeFile(path.join(folder, 'config'), tree.config)
      if (modules.length > 0) await takeModules(tree, modules, path.join(folder, 'modules'), update)
      const optional = (place: string) => (existsSync(at(place)) ? at(place) : undefined)
      const systemMap = optional('System.map')
      const vmlinux = /^CONFIG_DEBUG_INFO=y$/m.test(tree.config) ? optional('vmlinux') : undefined
      const description = {
        release,
        origin: `built in ${tree.output}`,
        image: 'bzImage',
        config: 'config',
        ...(modules.length > 0 && { moduleTree: 'modules' }),
        ...(systemMap !== undefined && { systemMap }),
        ...(vmlinux !== undefined && { vmlinux }),
        source: tree.source,
        output: tree.output,
        variables: buildVariables(tree.config),
      }
      await writeDescription(folder, description, label)
    }),
  )
}

/** Finds the tree's source and output folders. */
async function openTree(dir: string): Promise<Tree> {
  const status = await stat(dir).catch(() => undefined)
  if (!status) throw new UsageError(`there is no folder ${dir}`)
  if (!status.isDirectory())
    throw new UsageError(`${dir} is a file: name the folder that the kernel was built in`)
  const output = await realpath(dir)
  const config = await readFile(path.join(output, places.config), 'utf8').catch(error => {
    if (isErrno(error, 'ENOENT')) return undefined
    throw new UsageError(`cannot read ${path.join(dir, places.config)}`)
  })
  const isSource = (folder: string) =>
    existsSync(path.join(folder, 'Kconfig')) && existsSync(path.join(folder, 'Makefile'))
  if (config === undefined)
    throw new UsageError(
      isSource(output)
        ? `${dir} is the source of a kernel, and none was built in it: build one (make defconfig, make), or name the folder that it was built in (make O=...)`
        : `${dir} is no kernel tree: it has no .config`,
    )
  if (isSource(output)) return { name: dir, output, source: output, config }
  // `make O=DIR` makes a link to the source.
  const source = await realpath(path.join(output, 'source')).catch(() => undefined)
  if (source === undefined || !isSource(source))
    throw new UsageError(
      `${dir} is no kernel tree: it has neither a Kconfig file nor, as make O=... leaves it, a link "source" to where one is`,
    )
  return { name: dir, output, source, config }
}

function checkConfig({ name, config, output, source }: Tree): void {
  const has = (option: string) => config.includes(`\nCONFIG_${option}=y\n`)
  if (!has('X86_64')) {
    const other = /^CONFIG_(ARM64|ARM|RISCV|X86_32|PPC64|PPC|S390|MIPS|LOONGARCH|SPARC|UML)=y$/m.exec(
      config,
    )?.[1]
    throw new UsageError(
      `${name} is configured for ${other === undefined ? 'another architecture' : other.toLowerCase()}, and guests are x86_64`,
    )
  }
  if (has('CC_IS_CLANG'))
    throw new UsageError(
      `${name} was built by clang, and modules are built by gcc here: build it with CC=gcc`,
    )
  const lacking = lackingOptions(config)
  if (lacking.length === 0) return
  const merge =
    source === output ? 'scripts/kconfig/merge_config.sh' : 'source/scripts/kconfig/merge_config.sh'
  const names = lacking.map(it => (it.value === 'n' ? `${it.name} off` : it.name))
  throw new UsageError(
    `${name} lacks what a guest needs: ${names.join(', ')}. Write the lines above into a file, say guest.config, then: cd ${name} && ${merge} .config guest.config && make`,
    { details: formatOptions(lacking).trimEnd() },
  )
}

/** Checks that the build is complete and of one configuration. @returns the release */
async function checkBuilt({ name, output, source, config }: Tree): Promise<string> {
  const wanted: readonly [place: string, command: string][] = [
    [places.image, 'make bzImage'],
    [places.symbols, 'make modules'],
    [places.release, 'make'],
    ['include/generated/autoconf.h', 'make'],
    ['scripts/mod/modpost', 'make modules_prepare'],
  ]
  for (const [place, command] of wanted)
    if (!existsSync(path.join(output, place)))
      throw new UsageError(`${name} has no ${place}: it is not built, or not wholly; run ${command} there`)
  if (config.includes('\nCONFIG_OBJTOOL=y\n') && !existsSync(path.join(output, 'tools/objtool/objtool')))
    throw new UsageError(`${name} has no tools/objtool/objtool: run make modules_prepare there`)

  const auto = await readFile(path.join(output, 'include/config/auto.conf'), 'utf8').catch(() => '')
  const differing = difference(switches(config), switches(auto))
  if (differing !== undefined)
    throw new UsageError(`${name}/.config was changed after the build (${differing}): run make there`)

  const release = (await readFile(path.join(output, places.release), 'utf8')).trim()
  const booted = await releaseOfImage(path.join(output, places.image))
  if (booted === undefined) throw new UsageError(`${name}/${places.image} is no bzImage: run make there`)
  if (booted !== release)
    throw new UsageError(
      `${name}/${places.image} is Linux ${booted}, and the tree is of ${release}: run make there`,
    )
  if (/\s|:/.test(output + source))
    throw new UsageError(
      `${name} is in a path with a blank or a colon, where modules cannot be built: move it`,
    )
  return release
}

/** The options with y or m: other values are written differently in the two files. */
function switches(config: string): Set<string> {
  return new Set(config.match(/^CONFIG_\w+=[ym]$/gm))
}

function difference(a: ReadonlySet<string>, b: ReadonlySet<string>): string | undefined {
  return [...a].find(it => !b.has(it)) ?? [...b].find(it => !a.has(it))
}

/** Checks for the tree's own compiler or a newer one: an older one does not know all of its options. */
async function checkCompiler({ name, config }: Tree): Promise<void> {
  const made = Number(/^CONFIG_GCC_VERSION=(\d+)$/m.exec(config)?.[1] ?? 0)
  const major = Math.floor(made / 10_000)
  const versions = await Promise.all(
    [`gcc-${major}`, 'gcc'].map(command =>
      // through sh, because a missing compiler is no failure
      runTool('sh', ['-c', 'command -v "$1" >/dev/null && "$1" -dumpversion || :', 'sh', command], {
        timeout: 20_000,
      }),
    ),
  )
  const newest = Math.max(...versions.map(({ stdout }) => Number.parseInt(stdout, 10) || 0))
  if (newest < major)
    throw new UsageError(
      `${name} was built by gcc ${major}, and this machine has ${newest === 0 ? 'no gcc' : `gcc ${newest}`}: install gcc-${major}, or build the tree with what is here`,
    )
}

interface BuiltModule {
  /** Its path below the tree: `drivers/net/dummy.ko`. */
  readonly name: string
  /** Changes when the file does. */
  readonly stamp: string
}

/** The in-tree modules, by the build's own list. */
async function builtModules({ name, output }: Tree): Promise<BuiltModule[]> {
  const list = await readFile(path.join(output, 'modules.order'), 'utf8').catch(() => '')
  const names = list
    .split('\n')
    .filter(Boolean)
    // kernel/drivers/net/dummy.ko up to 6.1, drivers/net/dummy.o later
    .map(line => line.replace(/^kernel\/(?=.*\.ko$)/, '').replace(/\.o$/, '.ko'))
  return await Promise.all(
    [...new Set(names)].sort().map(async module => {
      // A tree's folder "kernel" has modules too.
      const place = [module, `kernel/${module}`].find(it => existsSync(path.join(output, it)))
      if (place === undefined)
        throw new UsageError(
          `${name} has no ${module}: its modules are not built, or not wholly; run make modules there`,
        )
      const { size, mtimeMs } = await stat(path.join(output, place))
      return { name: place, stamp: `${size} ${mtimeMs}` }
    }),
  )
}

/** How many files one call of strip gets. */
const batch = 200

/** Copies the modules without debug information, as `make modules_install INSTALL_MOD_STRIP=1` would. */
async function takeModules(
  { output }: Tree,
  modules: readonly BuiltModule[],
  folder: string,
  update: (detail: string) => void,
): Promise<void> {
  for (let at = 0; at < modules.length; at += batch) {
    update(`${at} of ${modules.length} modules`)
    const files: string[] = []
    for (const { name } of modules.slice(at, at + batch)) {
      const target = path.join(folder, 'kernel', name)
      await mkdir(path.dirname(target), { recursive: true })
      await copyFile(path.join(output, name), target)
      files.push(target)
    }
    await runToolOrFail('strip', ['--strip-debug', ...files], { timeout: 300_000 })
  }
  const builtIn = path.join(output, 'modules.builtin')
  if (existsSync(builtIn)) await copyFile(builtIn, path.join(folder, 'modules.builtin'))
}
