import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** What make is given on its command line to build modules for a kernel. */
export interface KbuildCall {
  /** The kernel's source, where make runs. */
  readonly source: string
  /** Where it was built. */
  readonly output: string
  /** NAME=VALUE */
  readonly variables: readonly string[]
}

/**
 * The names by which people's own makefiles call the kernel's build folder, and its release.
 * (KERNELRELEASE is none of them: by it a makefile tells that kbuild reads it.)
 */
export const folderNames = ['KERNELDIR', 'KERNEL_DIR', 'KERNEL_SRC', 'KDIR', 'KSRC', 'kernel_source_dir']
export const releaseNames = ['KVER', 'KVERSION', 'KERNELVER', 'kernelver']

/**
 * Makes what `/lib/modules/RELEASE/build` is on a machine that runs the kernel: a folder that `make -C` builds modules in,
 * with the kernel's headers and configuration. Debian's own has the place it was installed to in its Makefile, and calls
 * a compiler that need not be there.
 */
export async function makeKernelFolder(
  folder: string,
  { source, output, variables }: KbuildCall,
): Promise<void> {
  await mkdir(path.join(folder, 'include'), { recursive: true })
  const call = [`-C ${source}`, `O=${output}`, ...variables.map(quoted)].join(' ')
  await writeFile(
    path.join(folder, 'Makefile'),
    `goals := $(or $(MAKECMDGOALS),modules)
.PHONY: $(goals)
$(firstword $(goals)):
	@$(MAKE) --no-print-directory ${call} $(goals)
$(wordlist 2,$(words $(goals)),$(goals)): $(firstword $(goals))
	@:
`,
  )
  await link(['', 'include'], [output, source], folder)
}

/** Links what lies in these folders of the trees, of the first tree that has it. */
async function link(folders: readonly string[], trees: readonly string[], into: string): Promise<void> {
  for (const folder of folders)
    for (const tree of trees)
      for (const name of await readdir(path.join(tree, folder)).catch(() => []))
        await symlink(path.join(tree, folder, name), path.join(into, folder, name)).catch(() => {})
}

/** As a recipe's shell takes it. */
function quoted(variable: string): string {
  return `'${variable.replaceAll("'", "'\\''").replaceAll('$', '$$$$')}'`
}
